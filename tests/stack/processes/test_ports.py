"""Errors about taken ports name the owner and the setting; an isolated stack gets free ports."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path

import pytest

from errors import SetupError
from settings import Settings, StackSettings, TelemetrySettings
from stack.env_vars import variables
from stack.local_stack import LocalStack
from stack.processes.ports import PortUse, free_ports, free_run, require_free
from stack.processes.programs import PARTS, port_uses

MEASURED = TelemetrySettings(worker_metrics_port=9465, agent_metrics_port=9466)


def test_error_for_a_taken_port_names_owner_and_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(SetupError, match=f"port {port} is taken; the API needs it; set API_PORT to move it"):
            require_free([PortUse(port, "the API", "API_PORT")])


def test_udp_ports_are_probed_as_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with pytest.raises(SetupError, match=rf"port {port} \(UDP\) is taken"):
            require_free([PortUse(port, "LiveKit's media", "STACK_LIVEKIT_UDP_PORT", udp=True)])


def test_same_port_for_two_parts_is_refused() -> None:
    (port,) = free_ports(1)
    with pytest.raises(SetupError, match="set for both A and B; set B_PORT"):
        require_free([PortUse(port, "A", "A_PORT"), PortUse(port, "B", "B_PORT")])


def test_run_of_ports_is_free_and_below_the_ephemeral_range() -> None:
    first = free_run(3)
    require_free(PortUse(port, "an agent server", "AGENT_HEALTH_PORT") for port in range(first, first + 3))
    assert first + 3 < 32_768  # Linux; macOS and Windows begin at 49152


def test_each_agent_server_has_its_own_port() -> None:
    settings = Settings(stack=StackSettings(agent_servers=3))
    uses = port_uses(settings, ["agent"])
    assert [use.port for use in uses] == [8081, 8082, 8083]
    assert [use.owner.split()[-1] for use in uses] == ["agent", "agent_2", "agent_3"]
    assert {use.setting for use in uses} == {"AGENT_HEALTH_PORT"}


def test_metrics_ports_are_checked_when_served() -> None:
    settings = Settings(stack=StackSettings(agent_servers=2), telemetry=MEASURED)
    quiet = {use.port for use in port_uses(replace(settings, telemetry=TelemetrySettings()), PARTS)}
    added = [(use.port, use.setting) for use in port_uses(settings, PARTS) if use.port not in quiet]
    assert added == [
        (9465, "WORKER_METRICS_PORT"),
        (9466, "AGENT_METRICS_PORT"),
        (9467, "AGENT_METRICS_PORT"),
    ]
    assert 0 not in quiet


def test_every_port_names_an_existing_setting() -> None:
    assert {use.setting for use in port_uses(Settings(telemetry=MEASURED), PARTS)} <= variables(Settings()).keys()


def test_isolated_stack_takes_no_port_of_the_user(tmp_path: Path) -> None:
    settings = Settings(telemetry=MEASURED)
    isolated = LocalStack.isolated(tmp_path, settings).settings
    assert not {use.port for use in port_uses(settings, PARTS)} & {use.port for use in port_uses(isolated, PARTS)}
