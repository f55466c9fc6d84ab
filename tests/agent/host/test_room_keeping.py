"""A room that LiveKit has lost is made again, one of a session that was terminated is deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from temporalio.client import WorkflowExecutionStatus

from activities.rooms import Rooms
from agent.host import room_keeping
from agent.host.room_keeping import see_to_room
from agent.job_link.messages import Tick
from contracts.limits import RoomTimeouts
from tests.fakes.launched_job import LaunchedJob
from tests.fakes.temporal import NOT_FOUND, FakeTemporal

TIMEOUTS = RoomTimeouts(empty_seconds=60, departure_seconds=60)


class LostRoom(Rooms):
    """LiveKit's memory of one room. It does not answer the first `silent` calls; `then` happens when it is made."""

    def __init__(self, *, silent: int = 0, exists: bool = False, then: Callable[[], None] = lambda: None) -> None:
        self.silent = silent
        self.then = then
        self.known = exists
        self.calls: list[str] = []
        self.called = asyncio.Event()

    def _call(self, call: str) -> None:
        if self.silent:
            self.silent -= 1
            raise TimeoutError
        self.calls.append(call)
        self.called.set()

    async def exists(self, name: str) -> bool:
        self._call("exists")
        return self.known

    async def create(self, name: str, timeouts: RoomTimeouts) -> None:
        self._call("create")
        self.known = True
        self.then()

    async def delete(self, name: str) -> bool:
        self._call("delete")
        self.known = False
        return True


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_keeping, "_RETRY_SECONDS", 0.001)
    monkeypatch.setattr(room_keeping, "_FIRST_LOOK_SECONDS", 0.01)


async def serve(job: LaunchedJob, rooms: Rooms) -> None:
    (await job.connect()).joined()
    await asyncio.wait_for(job.host.joined_or_gone(), 5)
    job.host.while_it_lives(see_to_room(job.host, rooms, TIMEOUTS))


async def until(rooms: LostRoom, last: str) -> None:
    async with asyncio.timeout(5):
        while last not in rooms.calls:
            rooms.called.clear()
            await rooms.called.wait()


async def test_a_lost_room_is_made_once_livekit_answers(job: LaunchedJob, temporal: FakeTemporal) -> None:
    await serve(job, rooms := LostRoom(silent=5))
    job.host._note(Tick(in_room=False))
    await until(rooms, "create")
    job.host._note(Tick(in_room=True))
    assert rooms.calls[:2] == ["exists", "create"]
    assert "delete" not in rooms.calls


async def test_nothing_is_made_for_an_agent_that_was_cut_off_alone(job: LaunchedJob) -> None:
    await serve(job, rooms := LostRoom(exists=True))
    job.host._note(Tick(in_room=False))
    await until(rooms, "exists")
    job.host._note(Tick(in_room=True))
    await asyncio.sleep(0.05)  # longer than a look would take
    assert set(rooms.calls) == {"exists"}


async def test_the_room_of_an_ended_session_stays_deleted(job: LaunchedJob, temporal: FakeTemporal) -> None:
    await serve(job, rooms := LostRoom())
    temporal.heartbeat_answer = NOT_FOUND
    job.host._note(Tick(in_room=False))
    await until(rooms, "exists")
    await asyncio.sleep(0.05)
    assert set(rooms.calls) == {"exists"}


async def test_a_room_made_as_its_session_ends_is_deleted_again(job: LaunchedJob, temporal: FakeTemporal) -> None:
    await serve(job, rooms := LostRoom(then=lambda: setattr(temporal, "heartbeat_answer", NOT_FOUND)))
    job.host._note(Tick(in_room=False))
    await until(rooms, "delete")
    assert not rooms.known


async def test_a_terminated_session_leaves_neither_agent_nor_room(job: LaunchedJob, temporal: FakeTemporal) -> None:
    temporal.briefing = temporal.briefing.model_copy(update={"heartbeat_timeout_seconds": 0.05})
    await serve(job, rooms := LostRoom(exists=True))
    assert job.link
    temporal.heartbeat_answer, temporal.status = NOT_FOUND, WorkflowExecutionStatus.TERMINATED
    assert await asyncio.wait_for(job.link.wait_for_leave(), 5) == "the session is over"
    await until(rooms, "delete")
    assert not rooms.known
