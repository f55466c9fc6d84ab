"""Proxies between the parts: only the named programs go through one."""

from __future__ import annotations

import configparser
from pathlib import Path

import yaml

from settings import Settings, StackSettings
from stack.env_vars import variables
from stack.processes.programs import programs
from stack.processes.proxies import NO_PROXIES, Proxies
from stack.processes.supervisord import supervisord_conf
from stack.servers.config import livekit_yaml
from stack.servers.find import Servers

SETTINGS = Settings(stack=StackSettings(agent_servers=2))
PARTS = ("worker", "agent", "api")
SERVERS = Servers(Path("/opt/temporal"), Path("/opt/livekit-server"))


def environments(proxies: Proxies, folder: Path) -> dict[str, str]:
    ordered = [proxies.apply(program) for program in programs(SETTINGS, PARTS, folder, SERVERS)]
    conf = configparser.ConfigParser()
    conf.read_string(supervisord_conf(ordered, folder))
    return {program.name: conf[f"program:{program.name}"]["environment"] for program in ordered}


def test_only_named_programs_reach_temporal_through_a_proxy(tmp_path: Path) -> None:
    assert "TEMPORAL_ADDRESS" in variables(SETTINGS)
    found = environments(Proxies(temporal={"agent_2": "127.0.0.1:9", "api": "127.0.0.1:10"}), tmp_path)
    assert found["api"] == 'TEMPORAL_ADDRESS="127.0.0.1:10"'
    assert found["agent_2"] == 'AGENT_HEALTH_PORT="8082",AGENT_METRICS_PORT="0",TEMPORAL_ADDRESS="127.0.0.1:9"'
    assert "TEMPORAL_ADDRESS" not in found["worker"] + found["agent"]


def test_no_program_has_a_proxy_by_default(tmp_path: Path) -> None:
    assert "TEMPORAL_ADDRESS" not in "".join(environments(NO_PROXIES, tmp_path).values())


def test_webhooks_go_through_the_proxy() -> None:
    config = yaml.safe_load(livekit_yaml(SETTINGS, "key", "secret", "http://127.0.0.1:9"))
    assert config["webhook"]["urls"] == ["http://127.0.0.1:9/webhook/livekit"]
