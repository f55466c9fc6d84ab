"""What livekit-agents leaves to defaults that fit no deployment is set from our settings."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import AgentServer
from pydantic import SecretStr

from agent.host import agent_server
from settings import AgentSettings, LiveKitSettings, Settings


def test_idle_processes_and_health_endpoint_are_those_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}

    class Recorded(AgentServer):
        def __init__(self, **options: Any) -> None:
            given.update(options)
            super().__init__(**options)

    monkeypatch.setattr(agent_server, "AgentServer", Recorded)
    settings = Settings(
        livekit=LiveKitSettings(url="ws://localhost:1", api_key="key", api_secret=SecretStr("s" * 40)),
        agent=AgentSettings(idle_processes=3, health_host="127.0.0.1", health_port=18081),
    )
    agent_server.build_server(settings)
    assert (given["num_idle_processes"], given["host"], given["port"]) == (3, "127.0.0.1", 18081)
