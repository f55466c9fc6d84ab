"""The activities against a real LiveKit server."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from livekit import api, rtc
from temporalio.testing import ActivityEnvironment

from activities.livekit_activities import LiveKitActivities
from activities.rooms import Rooms
from connections.livekit_client import livekit_api
from contracts.identities import new_session_id
from contracts.join_token import JoinToken, JoinTokenRequest
from contracts.limits import RoomTimeouts
from contracts.room import RoomRequest
from settings import Settings
from stack.local_stack import LocalStack

pytestmark = pytest.mark.slow

TIMEOUTS = RoomTimeouts(empty_seconds=180, departure_seconds=90)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    with LocalStack.isolated(tmp_path_factory.mktemp("livekit"), parts=("livekit",)) as stack:
        yield stack.settings


@pytest.fixture
async def livekit(settings: Settings) -> AsyncIterator[api.LiveKitAPI]:
    async with livekit_api(settings.livekit) as livekit:
        yield livekit


@pytest.fixture
def activities(settings: Settings, livekit: api.LiveKitAPI) -> LiveKitActivities:
    return LiveKitActivities(settings, livekit)


@pytest.fixture
async def join_token(activities: LiveKitActivities) -> JoinToken:
    request = JoinTokenRequest(session_id=new_session_id(1_800_000_000), identity="caller_1", timeouts=TIMEOUTS)
    return await ActivityEnvironment().run(activities.issue_join_token, request)


async def rooms(livekit: api.LiveKitAPI, name: str) -> list[api.Room]:
    return list((await livekit.room.list_rooms(api.ListRoomsRequest(names=[name]))).rooms)


async def test_a_room_is_made_with_its_timeouts(join_token: JoinToken, livekit: api.LiveKitAPI) -> None:
    (room,) = await rooms(livekit, join_token.room_name)
    assert (room.empty_timeout, room.departure_timeout) == (180, 90)


async def test_a_caller_is_seen_until_the_room_closes_and_cannot_open_it_again(
    join_token: JoinToken, activities: LiveKitActivities, livekit: api.LiveKitAPI
) -> None:
    request = RoomRequest(session_id=join_token.session_id)
    caller = rtc.Room()
    await caller.connect(join_token.server_url, join_token.token)
    look = await ActivityEnvironment().run(activities.look_at_room, request)
    assert [(each.identity, each.kind) for each in look.callers] == [("caller_1", "joined")]
    closed = await ActivityEnvironment().run(activities.close_room, request)
    assert [each.participant_sid for each in closed.callers] == [look.callers[0].participant_sid]
    assert await rooms(livekit, join_token.room_name) == []
    again = await ActivityEnvironment().run(activities.close_room, request)
    assert (again.callers, again.agent_identities) == ((), ())
    await caller.disconnect()
    with pytest.raises(rtc.ConnectError):
        await rtc.Room().connect(join_token.server_url, join_token.token)
    assert await rooms(livekit, join_token.room_name) == []


def agents_token(settings: Settings, room: str, identity: str) -> str:
    keys = settings.livekit.api_key, settings.livekit.api_secret.get_secret_value()
    grants = api.VideoGrants(room_join=True, room=room)
    return api.AccessToken(*keys).with_identity(identity).with_kind("agent").with_grants(grants).to_jwt()


async def test_an_older_generation_is_cleared_from_the_room(
    join_token: JoinToken, activities: LiveKitActivities, livekit: api.LiveKitAPI, settings: Settings
) -> None:
    old = rtc.Room()
    await old.connect(join_token.server_url, agents_token(settings, join_token.room_name, "agent_1_AJ_old"))
    request = RoomRequest(session_id=join_token.session_id)
    look = await ActivityEnvironment().run(activities.look_at_room, request)
    assert look.agent_identities == ("agent_1_AJ_old",)
    await Rooms(livekit).clear_agents(join_token.session_id, before=2)
    look = await ActivityEnvironment().run(activities.look_at_room, request)
    assert look.agent_identities == ()
    await old.disconnect()
    await ActivityEnvironment().run(activities.close_room, request)


IN_THE_ROOM = """
import asyncio, sys
from livekit import rtc

async def main():
    room = rtc.Room()
    await room.connect(sys.argv[1], sys.argv[2])
    print("there", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_silent_agent_is_removed_only_if_it_does_not_answer_livekit(
    join_token: JoinToken, activities: LiveKitActivities, livekit: api.LiveKitAPI, settings: Settings
) -> None:
    running, token = rtc.Room(), agents_token(settings, join_token.room_name, "agent_1_AJ_runs")
    await running.connect(join_token.server_url, token)
    frozen = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", IN_THE_ROOM, join_token.server_url),
        agents_token(settings, join_token.room_name, "agent_1_AJ_frozen"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert frozen.stdout is not None
    try:
        assert await asyncio.wait_for(frozen.stdout.readline(), 20) == b"there\n"
        with pytest.raises(rtc.RpcError) as answer:  # its way back is open, a moment after it is there
            await running.local_participant.perform_rpc(
                destination_identity="agent_1_AJ_frozen", method="nothing", payload=""
            )
        assert answer.value.code == rtc.RpcError.ErrorCode.UNSUPPORTED_METHOD
        frozen.send_signal(signal.SIGSTOP)
        probe = RoomRequest(session_id=join_token.session_id, probe_agents=True)
        probed = await ActivityEnvironment().run(activities.look_at_room, probe)
        assert set(probed.agent_identities) == {"agent_1_AJ_runs", "agent_1_AJ_frozen"}
        assert probed.answering_agents == ("agent_1_AJ_runs",)
        await Rooms(livekit).remove_unresponsive(join_token.session_id, before=2)
        request = RoomRequest(session_id=join_token.session_id)
        look = await ActivityEnvironment().run(activities.look_at_room, request)
        assert look.agent_identities == ("agent_1_AJ_runs",)
    finally:
        frozen.kill()
        await frozen.wait()
        await running.disconnect()
        await ActivityEnvironment().run(activities.close_room, RoomRequest(session_id=join_token.session_id))
