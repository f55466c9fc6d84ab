"""A dispatch as LiveKit gets it: who recovers a lost agent, how much travels with it, and what if it is lost itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from connections.dispatch_seal import Sealer
from livekit import api
from livekit.protocol.agent_dispatch import JRP_NEVER
from livekit.protocol.models import ParticipantInfo
from pydantic import SecretStr
from temporalio.testing import ActivityEnvironment

from activities import livekit_activities
from activities.livekit_activities import LiveKitActivities
from activities.rooms import Rooms
from contracts.agent import DispatchMetadata, LaunchRequest
from contracts.identities import ARRIVED
from contracts.limits import RoomTimeouts
from settings import LiveKitSettings, Settings

SECRET = "a secret of at least thirty-two characters"
SESSION = "session_1234567890_abc123"


class FakeLiveKit:
    """Takes dispatches but loses the first ones; an agent is in the room once one has arrived."""

    def __init__(self, *, lost: int = 0, unanswered: int = 0) -> None:
        self.requests: list[api.CreateAgentDispatchRequest] = []
        self._lost, self._unanswered = lost, unanswered
        self.agent_dispatch = SimpleNamespace(create_dispatch=self._create_dispatch)
        self.room = SimpleNamespace(list_participants=self._list_participants, create_room=self._create_room)

    async def _create_dispatch(self, request: api.CreateAgentDispatchRequest) -> api.AgentDispatch:
        self.requests.append(request)
        if len(self.requests) <= self._unanswered:
            raise TimeoutError
        return api.AgentDispatch()

    async def _create_room(self, request: api.CreateRoomRequest) -> api.Room:
        return api.Room(name=request.name)

    async def _list_participants(self, _: api.ListParticipantsRequest) -> api.ListParticipantsResponse:
        agent = ParticipantInfo(identity="agent_1_AJ_x", kind=ParticipantInfo.Kind.AGENT, attributes={ARRIVED: "yes"})
        return api.ListParticipantsResponse(participants=[agent] if len(self.requests) > self._lost else [])


async def test_livekit_never_restarts_an_agent_and_carries_ids_alone() -> None:
    livekit = FakeLiveKit()
    metadata = DispatchMetadata(session_id=SESSION, generation=3, sealed_task_token=Sealer(SECRET).seal(b"t" * 500))
    await Rooms(cast("api.LiveKitAPI", livekit), "voice-agent").dispatch(SESSION, metadata)
    (request,) = livekit.requests
    assert request.restart_policy == JRP_NEVER
    assert (request.agent_name, request.room) == ("voice-agent", SESSION)
    assert set(DispatchMetadata.model_fields) == {"session_id", "generation", "sealed_task_token", "traceparent"}
    assert len(request.metadata) < 2_000  # LiveKit takes 512 KiB; a task token has some hundred bytes


@pytest.mark.parametrize("trouble", [{"lost": 2}, {"unanswered": 2, "lost": 2}])
async def test_a_dispatch_that_is_lost_or_not_answered_is_repeated(
    monkeypatch: pytest.MonkeyPatch, trouble: dict[str, int]
) -> None:
    monkeypatch.setattr(livekit_activities, "_LOOK_EVERY_SECONDS", 0.001)
    livekit = FakeLiveKit(**trouble)
    keys = LiveKitSettings(url="ws://localhost:1", api_key="key", api_secret=SecretStr(SECRET))
    activities = LiveKitActivities(Settings(livekit=keys), cast("api.LiveKitAPI", livekit))
    launch = LaunchRequest(
        session_id=SESSION,
        generation=1,
        join_deadline_seconds=30,
        timeouts=RoomTimeouts(empty_seconds=180, departure_seconds=90),
    )
    with pytest.raises(BaseException) as left:
        await ActivityEnvironment().run(activities.launch_agent, launch)
    assert type(left.value).__name__ == "_CompleteAsyncError"  # its end is the agent's to report
    assert len(livekit.requests) == 3
    assert len({request.metadata for request in livekit.requests}) == 1, "the same generation, by the same token"
