"""The configuration files and command lines of the stack."""

from __future__ import annotations

import configparser
import shlex
from dataclasses import replace
from pathlib import Path

import yaml
from pydantic import SecretStr

from connections.payload_encryption import key_ring
from settings import ApiSettings, CodecEndpointSettings, Settings, StackSettings, TemporalSettings
from stack.credentials import key_pair, with_encryption
from stack.env_vars import variables
from stack.processes.programs import PARTS, names_of, parts_of, programs
from stack.processes.supervisord import supervisord_conf
from stack.servers.config import livekit_yaml, temporal_command
from stack.servers.find import Servers

SERVERS = Servers(Path("/opt/100% mine/temporal"), Path("/opt/livekit-server"))


def test_livekit_stays_on_loopback_and_creates_no_rooms() -> None:
    settings = Settings()
    config = yaml.safe_load(livekit_yaml(settings, "the-key", "the-secret"))
    assert config["bind_addresses"] == ["127.0.0.1"]
    assert config["rtc"]["interfaces"]["includes"] == ["lo"]
    assert config["rtc"]["ips"]["includes"] == ["127.0.0.1/32"]
    assert config["rtc"]["stun_servers"] == ["127.0.0.1:9"]  # nothing listens there
    assert config["rtc"]["tcp_port"] == 0
    assert config["room"]["auto_create"] is False
    assert config["keys"] == {"the-key": "the-secret"}
    assert config["webhook"] == {
        "api_key": "the-key",
        "urls": [f"http://127.0.0.1:{settings.api.port}/webhook/livekit"],
    }


def test_supervisord_config_keeps_each_command_and_stops_in_reverse(tmp_path: Path) -> None:
    ordered = programs(Settings(), PARTS, tmp_path, SERVERS)
    conf = configparser.ConfigParser(inline_comment_prefixes=(";",))
    conf.read_string(supervisord_conf(ordered, tmp_path))
    sections = [conf[f"program:{name}"] for name in PARTS]
    assert [section.getint("priority") for section in sections] == [1, 2, 3, 4, 5, 6, 7]
    assert shlex.split(sections[0]["command"]) == temporal_command(SERVERS.temporal, Settings(), tmp_path)
    assert all(section.getboolean("autorestart") and section.getboolean("killasgroup") for section in sections)


def test_agent_servers_run_side_by_side_and_stop_without_a_drain(tmp_path: Path) -> None:
    settings = Settings(stack=StackSettings(agent_servers=2))
    parts = ("worker", "agent", "api")
    assert names_of(settings, parts) == ["worker", "agent", "agent_2", "api"]
    conf = configparser.ConfigParser()
    conf.read_string(supervisord_conf(programs(settings, parts, tmp_path, SERVERS), tmp_path))
    first, second = conf["program:agent"], conf["program:agent_2"]
    assert [first["environment"], second["environment"]] == [
        'AGENT_HEALTH_PORT="8081",AGENT_METRICS_PORT="0"',
        'AGENT_HEALTH_PORT="8082",AGENT_METRICS_PORT="0"',
    ]
    assert {"AGENT_HEALTH_PORT", "AGENT_METRICS_PORT"} <= variables(settings).keys()
    assert [shlex.split(each["command"])[1:] for each in (first, second)] == [["-m", "agent"]] * 2
    assert second["stdout_logfile"] == str(tmp_path / "logs" / "agent_2.log")
    assert [first["stopsignal"], second["stopsignal"], conf["program:api"]["stopsignal"]] == ["QUIT", "QUIT", "TERM"]
    assert [conf[f"program:{name}"].getint("priority") for name in names_of(settings, parts)] == [1, 2, 3, 4]


def test_key_pair_is_generated_once_and_private(tmp_path: Path) -> None:
    livekit = Settings().livekit.model_copy(update={"api_key": ""})
    made = key_pair(livekit, tmp_path)
    assert key_pair(livekit, tmp_path) == made
    assert len(made[1]) >= 32
    assert [file.stat().st_mode & 0o777 for file in tmp_path.iterdir()] == [0o600]


def test_codec_key_is_generated_once_and_serves_the_own_ui(tmp_path: Path) -> None:
    made = with_encryption(Settings(), tmp_path)
    assert with_encryption(Settings(), tmp_path) == made
    assert key_ring(made.temporal) is not None
    assert [file.stat().st_mode & 0o777 for file in tmp_path.iterdir()] == [0o600]
    assert made.codec_endpoint.allowed_origins == ("http://localhost:8233", "http://127.0.0.1:8233")
    command = temporal_command(SERVERS.temporal, made, tmp_path)
    token = made.codec_endpoint.token.get_secret_value()
    assert command[command.index("--ui-codec-endpoint") + 1] == f"http://127.0.0.1:8000/codec/default/{token}"
    assert "--ui-codec-endpoint" not in temporal_command(SERVERS.temporal, Settings(), tmp_path)


def test_codec_token_is_not_in_the_path_beyond_loopback(tmp_path: Path) -> None:
    made = with_encryption(Settings(api=ApiSettings(host="0.0.0.0")), tmp_path)  # noqa: S104
    assert not made.codec_endpoint.token_in_path
    assert "--ui-codec-endpoint" not in temporal_command(SERVERS.temporal, made, tmp_path)


def test_given_codec_keys_are_used(tmp_path: Path) -> None:
    keys, token = SecretStr("mine:" + "A" * 43 + "="), SecretStr("m" * 32)
    brought = Settings(
        temporal=TemporalSettings(codec_keys=keys),
        codec_endpoint=CodecEndpointSettings(token=token, origins="http://ui.example"),
    )
    used = with_encryption(brought, tmp_path)
    assert (used.temporal.codec_keys, used.codec_endpoint.token) == (keys, token)
    assert used.codec_endpoint.allowed_origins[0] == "http://ui.example"


def test_no_own_speech_server_when_none_or_another_is_set() -> None:
    settings = Settings()
    assert "speech" in parts_of(settings, PARTS)
    for update, own in (
        ({"speech_base_url": "http://speech.example/v1"}, False),
        ({"stt": "deepgram/nova-3", "tts": "openai/tts-1"}, False),
        ({"stt": "deepgram/nova-3", "tts": "openai/tts-1", "tts_fallback": "local/default"}, True),
    ):
        chosen = replace(settings, speech=settings.speech.model_copy(update=update))
        assert ("speech" in parts_of(chosen, PARTS)) is own


def test_no_own_language_model_when_another_is_set() -> None:
    settings = Settings()
    elsewhere = settings.speech.model_copy(update={"llm_base_url": "https://llm.example/v1"})
    assert "llm" in parts_of(settings, PARTS)
    assert "llm" not in parts_of(replace(settings, speech=elsewhere), PARTS)
