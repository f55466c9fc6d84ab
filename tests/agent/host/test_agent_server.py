"""The AgentServer's options."""

from __future__ import annotations

import math

import pytest
from livekit.agents import AgentServer

from agent.host import agent_server
from settings import Settings


class RecordedServer(AgentServer):
    """Records its options. Its running jobs are the test's."""

    def __init__(self, **options: object) -> None:
        super().__init__()
        self.options = options
        self.jobs: list[object] = []

    active_jobs = property(lambda self: self.jobs)


@pytest.fixture
def built(agent_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> RecordedServer:
    monkeypatch.setattr(agent_server, "AgentServer", RecordedServer)
    server = agent_server.build_server(agent_settings)
    assert isinstance(server, RecordedServer)
    return server


async def test_the_load_counts_jobs_and_never_refuses_one(built: RecordedServer) -> None:
    load = built.options["load_fnc"]
    assert callable(load)
    assert load(built) == 0
    built.jobs.extend([object(), object()])
    assert load(built) == 1.0
    assert built.options["load_threshold"] == math.inf


async def test_idle_processes_and_health_endpoint_come_from_settings(built: RecordedServer) -> None:
    assert [built.options[name] for name in ("num_idle_processes", "host", "port")] == [1, "127.0.0.1", 18081]
