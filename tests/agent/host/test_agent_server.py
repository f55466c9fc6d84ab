"""The AgentServer as it is composed."""

from __future__ import annotations

import math
from typing import Any

import pytest
from livekit.agents import AgentServer

from agent.host import agent_server
from contracts.agent import DispatchMetadata
from settings import Settings

METADATA = DispatchMetadata(session_id="session_1234567890_abcdef", generation=3, sealed_task_token="sealed")


class FakeJob:
    id = "AJ_1"
    metadata = METADATA.model_dump_json()


class FakeRequest:
    """A job request that notes what became of it."""

    id = "AJ_1"
    job = FakeJob()

    def __init__(self) -> None:
        self.accepted: dict[str, str] | None = None
        self.rejected = False

    async def accept(self, **how: str) -> None:
        self.accepted = how

    async def reject(self) -> None:
        self.rejected = True


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    running: list[object] = []
    monkeypatch.setattr(AgentServer, "active_jobs", property(lambda _: running))
    return running


async def test_accepts_under_an_identity_of_its_own_up_to_its_limit(
    agent_settings: Settings, jobs: list[object]
) -> None:
    built = agent_server.build_server(agent_settings)
    accept: Any = built._request_fnc
    request = FakeRequest()
    await accept(request)
    assert request.accepted == {"identity": "agent_3_AJ_1", "name": "agent"}
    jobs.extend([object(), object()])
    refused = FakeRequest()
    await accept(refused)
    assert refused.rejected
    assert refused.accepted is None


async def test_tells_livekit_its_load_in_jobs_but_never_refuses_by_load(
    agent_settings: Settings, jobs: list[object]
) -> None:
    built = agent_server.build_server(agent_settings)
    load: Any = built.load_fnc
    assert load(built) == 0
    jobs.append(object())
    assert 0 < load(built) < 0.7  # from where LiveKit gives a server nothing more
    jobs.extend([object(), object()])
    assert load(built) == 1.0
    assert built._load_threshold == math.inf
