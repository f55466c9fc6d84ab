"""The only reader of the environment. `.env.example` lists every variable, docs/CONFIGURATION.md explains it.

Values come from the process environment, then from `.env` in the working directory, then from the defaults here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.limits import SessionLimits
from contracts.slots import MOST_SLOTS

Port = Annotated[int, Field(ge=1, le=65535)]
PortOrOff = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


class _Group(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True, populate_by_name=True
    )


def _split(origins: str) -> tuple[str, ...]:
    return tuple(origin.strip().rstrip("/") for origin in origins.split(",") if origin.strip())


class TemporalSettings(_Group):
    """Temporal's address, its TLS and API key, the keys that encrypt payloads, and the task queue."""

    address: str = "localhost:7233"
    namespace: str = "default"
    task_queue: str = "voice-sessions"
    agent_task_queue: str = "voice-agents"
    tls: bool | None = None
    tls_server_name: str = ""
    tls_ca_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    api_key: SecretStr = SecretStr("")
    codec_keys: SecretStr = SecretStr("")
    model_config = SettingsConfigDict(env_prefix="TEMPORAL_")

    @property
    def uses_tls(self) -> bool:
        """TEMPORAL_TLS; when that is empty, true if anything is set that only TLS can use."""
        needs = (self.tls_server_name, self.tls_ca_file, self.tls_cert_file, self.tls_key_file, self.api_key)
        return any(needs) if self.tls is None else self.tls


class CodecEndpointSettings(_Group):
    """The endpoint that decodes payloads for Temporal's UI and command line."""

    token: SecretStr = SecretStr("")
    token_in_path: bool = False
    origins: str = ""
    model_config = SettingsConfigDict(env_prefix="CODEC_ENDPOINT_")

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Origins of pages that may call it from a browser, each `scheme://host:port`."""
        return _split(self.origins)


class LiveKitSettings(_Group):
    """LiveKit's addresses, and the key pair that signs tokens and webhooks."""

    url: str = "ws://localhost:7880"
    public_url: str = ""
    api_key: str = ""
    api_secret: SecretStr = SecretStr("")
    webhook_secret: SecretStr = Field(SecretStr(""), validation_alias="WEBHOOK_SECRET")
    webhook_legacy_signature: bool = Field(True, validation_alias="WEBHOOK_LEGACY_SIGNATURE")
    model_config = SettingsConfigDict(env_prefix="LIVEKIT_")

    @property
    def configured(self) -> bool:
        """True if join tokens can be signed."""
        return bool(self.url and self.api_key and self.api_secret.get_secret_value())

    @property
    def client_url(self) -> str:
        """The URL that callers connect to. It differs from `url` when the servers share a private network."""
        return self.public_url or self.url

    @property
    def legacy_webhook_key(self) -> str:
        """The key of `X-LiveKit-Signature`: WEBHOOK_SECRET, or LiveKit's API secret if that is empty."""
        return self.webhook_secret.get_secret_value() or self.api_secret.get_secret_value()


_LIMITS = SessionLimits()


class SessionSettings(_Group):
    """The timers of new sessions. `SessionLimits` holds the others, which have no setting."""

    no_show_seconds: Seconds = _LIMITS.no_show_seconds
    reconnect_grace_seconds: Seconds = _LIMITS.reconnect_grace_seconds
    max_duration_seconds: Seconds = _LIMITS.max_duration_seconds
    agent_heartbeat_timeout_seconds: Seconds = _LIMITS.agent_heartbeat_timeout_seconds
    agent_launch_limit_seconds: Seconds = _LIMITS.agent_launch_limit_seconds
    agent_max_losses_per_minute: Annotated[int, Field(ge=1)] = _LIMITS.agent_max_losses_per_minute
    silence_seconds: Annotated[float, Field(ge=0)] = 30
    idle_seconds: Annotated[float, Field(ge=0)] = 300

    @property
    def limits(self) -> SessionLimits:
        """The timers that a session started now keeps for its whole life."""
        return SessionLimits(**self.model_dump())


class ApiSettings(_Group):
    """The REST API."""

    host: str = "127.0.0.1"
    port: Port = Field(8000, validation_alias=AliasChoices("API_PORT", "PORT"))
    start_timeout_seconds: Seconds = 10
    end_timeout_seconds: Seconds = 10
    keys_file: Path | None = None
    rate_limit: str = ""
    start_rate_limit: str = ""
    max_sessions: Annotated[int, Field(ge=0, le=MOST_SLOTS)] = Field(0, validation_alias="MAX_SESSIONS")
    max_sessions_per_owner: Annotated[int, Field(ge=0)] = Field(0, validation_alias="MAX_SESSIONS_PER_OWNER")
    max_queue_seconds: Annotated[float, Field(ge=0)] = 10
    keep_alive_seconds: Annotated[int, Field(ge=1)] = 75
    cors_origins: str = ""
    allowed_hosts: str = ""
    forwarded_allow_ips: str = Field("127.0.0.1", validation_alias="FORWARDED_ALLOW_IPS")
    model_config = SettingsConfigDict(env_prefix="API_")

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Other origins of pages that may call it from a browser, each `scheme://host:port`."""
        return _split(self.cors_origins)

    @property
    def allowed_host_names(self) -> tuple[str, ...]:
        """Names and addresses, without ports, that requests may have in `Host` while there are no API keys."""
        return _split(self.allowed_hosts.lower())

    @property
    def on_loopback(self) -> bool:
        """True if only this machine can reach it."""
        return self.host in ("127.0.0.1", "::1", "localhost")


class WebhookSettings(_Group):
    """Customer webhooks: allowed targets and signing secrets."""

    allowed_targets: str = ""
    signing_secrets: SecretStr = SecretStr("")
    model_config = SettingsConfigDict(env_prefix="WEBHOOKS_")


class AgentSettings(_Group):
    """The AgentServer and its job processes."""

    idle_processes: Annotated[int, Field(ge=0)] = 2
    max_jobs: Annotated[int, Field(ge=1)] = 20
    drain_seconds: Seconds = 120
    health_host: str = "127.0.0.1"
    health_port: Port = 8081
    health_url: str = ""
    text_input: bool = False
    model_config = SettingsConfigDict(env_prefix="AGENT_")


class SpeechSettings(_Group):
    """Speech providers, each `provider/model`, their fallbacks and keys, and the endpoints of the language model."""

    stt: str = "local/tiny-en"
    stt_fallback: str = ""
    tts: str = "local/default"
    tts_fallback: str = ""
    speech_base_url: str = "http://localhost:8092/v1"
    llm_base_url: str = "http://localhost:8091/v1"
    llm_api_key: SecretStr = SecretStr("local")
    llm_model: str = "smollm2-135m-instruct"
    llm_read_ahead: bool = True
    llm_fallback_base_url: str = ""
    llm_fallback_api_key: SecretStr = SecretStr("local")
    llm_fallback_model: str = ""
    fallback_after_seconds: Seconds = 2
    assemblyai_api_key: SecretStr = SecretStr("")
    assemblyai_base_url: str = "wss://streaming.assemblyai.com"
    deepgram_api_key: SecretStr = SecretStr("")
    deepgram_base_url: str = "https://api.deepgram.com/v1/listen"
    inworld_api_key: SecretStr = SecretStr("")
    inworld_base_url: str = "https://api.inworld.ai"
    openai_api_key: SecretStr = SecretStr("")
    openai_base_url: str = "https://api.openai.com/v1"


class PlaygroundSettings(_Group):
    """The page at /playground. Unset means off, except in `make up`, which turns it on."""

    enabled: bool | None = Field(None, validation_alias="PLAYGROUND")
    kill_agent: bool | None = None
    temporal_ui_url: str = ""
    model_config = SettingsConfigDict(env_prefix="PLAYGROUND_")


class TelemetrySettings(_Group):
    """Log lines, metrics for Prometheus, traces. A port of 0 serves no metrics."""

    log_format: Literal["text", "json"] = "text"
    metrics_host: str = "127.0.0.1"
    worker_metrics_port: PortOrOff = 0
    agent_metrics_port: PortOrOff = 0
    otlp_endpoint: str = Field("", validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    otlp_headers: SecretStr = Field(SecretStr(""), validation_alias="OTEL_EXPORTER_OTLP_HEADERS")


class ConsoleSettings(_Group):
    """The command line of operators."""

    api_url: str = "http://127.0.0.1:8000"
    api_key: SecretStr = SecretStr("")
    model_config = SettingsConfigDict(env_prefix="CONSOLE_")


class StackSettings(_Group):
    """The local stack of `make up`: ports, state folder, and executables of your own."""

    state_dir: Path = Path(".state")
    temporal_port: Port = 7233
    temporal_ui_port: Port = 8233
    livekit_port: Port = 7880
    livekit_udp_port: Port = 7882
    agent_servers: Annotated[int, Field(ge=1, le=8)] = 1
    llm_host: str = "127.0.0.1"
    llm_port: Port = 8091
    speech_host: str = "127.0.0.1"
    speech_port: Port = 8092
    temporal_binary: Path | None = None
    livekit_binary: Path | None = None
    temporal_test_server: Path | None = None
    cache_home: Path = Field(Path("~/.cache"), validation_alias="XDG_CACHE_HOME")
    model_config = SettingsConfigDict(env_prefix="STACK_")

    @property
    def cache_dir(self) -> Path:
        """The folder of downloaded and built servers: outside the checkout, so that every clone shares it."""
        return self.cache_home.expanduser() / "voice-assistant-orchestrator"


@dataclass(frozen=True)
class Settings:
    """All settings. Entry points build one with `Settings()` and pass it down."""

    temporal: TemporalSettings = field(default_factory=TemporalSettings)
    codec_endpoint: CodecEndpointSettings = field(default_factory=CodecEndpointSettings)
    livekit: LiveKitSettings = field(default_factory=LiveKitSettings)
    session: SessionSettings = field(default_factory=SessionSettings)
    api: ApiSettings = field(default_factory=ApiSettings)
    webhooks: WebhookSettings = field(default_factory=WebhookSettings)
    agent: AgentSettings = field(default_factory=AgentSettings)
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    playground: PlaygroundSettings = field(default_factory=PlaygroundSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    console: ConsoleSettings = field(default_factory=ConsoleSettings)
    stack: StackSettings = field(default_factory=StackSettings)
