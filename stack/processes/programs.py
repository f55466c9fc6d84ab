"""The parts of the stack in starting order: the command, ports and readiness probe of each."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from settings import AgentSettings, Settings, SpeechSettings
from stack.processes import readiness
from stack.processes.ports import PortUse
from stack.servers.config import temporal_command
from stack.servers.find import Servers

PARTS = ("temporal", "livekit", "llm", "speech", "worker", "agent", "api")
"""Each part is one program of that name, except "agent": STACK_AGENT_SERVERS of them."""


@dataclass(frozen=True)
class Program:
    """One supervised process. `not_ready` takes its log and returns why it is not ready, or None when it is."""

    name: str
    title: str
    command: list[str]
    not_ready: Callable[[Path], str | None]
    ready_seconds: float = 30
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    stop_as_group: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)


def uses_own_language_model(speech: SpeechSettings) -> bool:
    """True if the stack serves the language model itself: LLM_BASE_URL has its default."""
    return bool(speech.llm_base_url == SpeechSettings.model_fields["llm_base_url"].default)


def uses_own_speech_server(speech: SpeechSettings) -> bool:
    """True if the stack serves speech itself: some part of it is local, and SPEECH_BASE_URL points nowhere else."""
    chosen = (speech.stt, speech.stt_fallback, speech.tts, speech.tts_fallback)
    is_default = speech.speech_base_url == SpeechSettings.model_fields["speech_base_url"].default
    return is_default and any(choice.startswith("local/") for choice in chosen)


def parts_of(settings: Settings, wanted: Collection[str]) -> tuple[str, ...]:
    """The wanted parts in starting order, without a language model that the settings take from elsewhere."""
    unknown = set(wanted) - set(PARTS)
    if unknown:
        raise ValueError(f"unknown parts: {sorted(unknown)}; there are {PARTS}")
    own = {"llm": uses_own_language_model(settings.speech), "speech": uses_own_speech_server(settings.speech)}
    return tuple(part for part in PARTS if part in wanted and own.get(part, True))


def names_of(settings: Settings, parts: Collection[str]) -> list[str]:
    """The names of the programs of these parts, in the same order."""
    agents = [agent_name(index) for index in range(settings.stack.agent_servers)]
    return [name for part in parts for name in (agents if part == "agent" else [part])]


def agent_name(index: int) -> str:
    """The program name of the agent server with this index: agent, agent_2, agent_3 and so on."""
    return f"agent_{index + 1}" if index else "agent"


def agent_health_url(agent: AgentSettings, index: int) -> str:
    """The health endpoint of the agent server with this index: AGENT_HEALTH_PORT plus the index."""
    host = "127.0.0.1" if agent.health_host == "0.0.0.0" else agent.health_host  # noqa: S104
    return f"http://{host}:{agent.health_port + index}"


def port_uses(settings: Settings, parts: Collection[str]) -> list[PortUse]:
    """Every port of these parts with its owner and the setting that moves it."""
    stack, api, agent, telemetry = settings.stack, settings.api, settings.agent, settings.telemetry
    uses = {
        "temporal": (
            PortUse(stack.temporal_port, "Temporal", "STACK_TEMPORAL_PORT"),
            PortUse(stack.temporal_ui_port, "Temporal's web UI", "STACK_TEMPORAL_UI_PORT"),
        ),
        "livekit": (
            PortUse(stack.livekit_port, "LiveKit", "STACK_LIVEKIT_PORT"),
            PortUse(stack.livekit_udp_port, "LiveKit's media", "STACK_LIVEKIT_UDP_PORT", udp=True),
        ),
        "llm": (PortUse(stack.llm_port, "the language model server", "STACK_LLM_PORT"),),
        "speech": (PortUse(stack.speech_port, "the speech server", "STACK_SPEECH_PORT"),),
        "worker": (
            PortUse(
                telemetry.worker_metrics_port,
                "the worker's metrics",
                "WORKER_METRICS_PORT",
                host=telemetry.metrics_host,
            ),
        ),
        "agent": tuple(
            PortUse(port and port + index, f"{what} of {agent_name(index)}", setting, host=agent.health_host)
            for index in range(stack.agent_servers)
            for port, what, setting in (
                (agent.health_port, "the health endpoint", "AGENT_HEALTH_PORT"),
                (telemetry.agent_metrics_port, "the metrics", "AGENT_METRICS_PORT"),
            )
        ),
        "api": (PortUse(api.port, "the API", "API_PORT", host=api.host),),
    }
    return [use for part in parts for use in uses[part] if use.port]


def programs(settings: Settings, parts: Collection[str], state_dir: Path, servers: Servers) -> list[Program]:
    """The programs of these parts. `settings` are the stack's, whose addresses already point at itself."""
    stack, temporal = settings.stack, settings.temporal

    everything = (
        Program(
            "temporal",
            "Temporal",
            temporal_command(servers.temporal, settings, state_dir),
            lambda _: readiness.temporal(temporal),
        ),
        Program(
            "livekit",
            "LiveKit",
            [str(servers.livekit), "--config", str(state_dir / "livekit.yaml")],
            lambda _: readiness.http(f"http://127.0.0.1:{stack.livekit_port}/"),
            # It ignores a stop in its first moments, and has no state to lose.
            stop_seconds=4,
        ),
        Program(
            "llm",
            "Language model",
            _python("agent.speech.embedded.model_server"),
            lambda _: readiness.http(f"{settings.speech.llm_base_url}/models"),
            ready_seconds=90,
        ),
        Program(
            "speech",
            "Speech models",
            _python("agent.speech.embedded.speech_server"),
            lambda _: readiness.http(f"http://127.0.0.1:{stack.speech_port}/health"),
            ready_seconds=60,
        ),
        Program("worker", "Worker", _python("worker"), lambda _: readiness.worker(temporal), ready_seconds=60),
        *(_agent_server(settings, index) for index in range(stack.agent_servers)),
        Program(
            "api",
            "API",
            _python("stack.local_api" if settings.playground.kill_agent else "api"),
            lambda _: readiness.api(f"http://127.0.0.1:{settings.api.port}/health"),
            ready_seconds=60,
        ),
    )
    names = names_of(settings, parts)
    return [program for program in everything if program.name in names]


def _agent_server(settings: Settings, index: int) -> Program:
    agent, metrics_port, name = settings.agent, settings.telemetry.agent_metrics_port, agent_name(index)
    return Program(
        name,
        f"Agent {index + 1}" if index else "Agent",
        _python("agent"),
        lambda log: readiness.agent(agent_health_url(agent, index), log),
        ready_seconds=120,
        # SIGTERM would wait for a handover to other agents, and all of them stop here.
        stop_signal="QUIT",
        # It must outlive the signal to close its job processes itself; orphans are ended later.
        stop_as_group=False,
        environment={
            "AGENT_HEALTH_PORT": str(agent.health_port + index),
            "AGENT_METRICS_PORT": str(metrics_port and metrics_port + index),
        },
    )


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]
