"""A dispatch as LiveKit gets it: who recovers a lost agent, and how much travels with it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from livekit import api
from livekit.protocol.agent_dispatch import JRP_NEVER

from activities.rooms import Rooms
from contracts import DispatchMetadata
from sealing import Sealer


class FakeDispatches:
    """Remembers what it was asked for."""

    def __init__(self) -> None:
        self.requests: list[api.CreateAgentDispatchRequest] = []

    async def create_dispatch(self, request: api.CreateAgentDispatchRequest) -> None:
        self.requests.append(request)


async def test_livekit_never_restarts_an_agent_and_carries_ids_alone() -> None:
    dispatches = FakeDispatches()
    livekit = cast("api.LiveKitAPI", SimpleNamespace(agent_dispatch=dispatches))
    token = Sealer("a secret of at least thirty-two characters").seal(b"t" * 500)
    metadata = DispatchMetadata(session_id="session_1234567890_abc123", generation=3, sealed_task_token=token)
    await Rooms(livekit, "voice-agent").dispatch("session_1234567890_abc123", metadata)
    (request,) = dispatches.requests
    assert request.restart_policy == JRP_NEVER
    assert (request.agent_name, request.room) == ("voice-agent", "session_1234567890_abc123")
    assert set(DispatchMetadata.model_fields) == {"session_id", "generation", "sealed_task_token"}
    assert len(request.metadata) < 2_000  # LiveKit takes 512 KiB; a task token has some hundred bytes
