"""A room is closed only when LiveKit has none of that name any more."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
from livekit import api
from pydantic import SecretStr
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.livekit_activities import LiveKitActivities
from contracts.room import RoomRequest
from settings import LiveKitSettings, Settings

SESSION = "session_1234567890_abc123"


class FakeLiveKit:
    """Keeps its room through the first deletions, as when a client reconnects in the middle of them."""

    def __init__(self, *, survives: int) -> None:
        self.deletions = 0
        self._survives = survives
        self.room = SimpleNamespace(
            list_participants=self._list_participants, delete_room=self._delete_room, list_rooms=self._list_rooms
        )

    async def _list_participants(self, _: api.ListParticipantsRequest) -> api.ListParticipantsResponse:
        return api.ListParticipantsResponse()

    async def _delete_room(self, _: api.DeleteRoomRequest) -> None:
        self.deletions += 1

    async def _list_rooms(self, request: api.ListRoomsRequest) -> api.ListRoomsResponse:
        assert list(request.names) == [SESSION]
        rooms = [api.Room(name=SESSION)] if self.deletions <= self._survives else []
        return api.ListRoomsResponse(rooms=rooms)


async def test_a_room_that_a_client_reopened_is_deleted_again() -> None:
    livekit = FakeLiveKit(survives=1)
    keys = LiveKitSettings(url="ws://localhost:1", api_key="key", api_secret=SecretStr("s" * 32))
    activities = LiveKitActivities(Settings(livekit=keys), cast("api.LiveKitAPI", livekit))
    request = RoomRequest(session_id=SESSION)
    with pytest.raises(ApplicationError, match="still has the room"):
        await ActivityEnvironment().run(activities.close_room, request)
    await ActivityEnvironment().run(activities.close_room, request)
    assert livekit.deletions == 2
