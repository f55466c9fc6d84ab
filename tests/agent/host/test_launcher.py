"""A launch on an agent host: a job in a warm process, heartbeats until it has joined, and slots for what fits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal, NoReturn

import pytest
from livekit import api
from livekit.agents.ipc.supervised_proc import SupervisedProc
from livekit.agents.job import JobAcceptArguments, RunningJobInfo
from livekit.protocol.agent import Job
from livekit.protocol.models import Room
from temporalio.common import WorkerDeploymentVersion
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import SlotPermit, SlotReleaseContext

from activities.rooms import Rooms
from agent.host import launcher
from agent.host.capacity import Capacity
from agent.host.launcher import JobSlots, Launcher
from contracts.agent import JobMetadata, LaunchRequest
from contracts.failures import JOIN_DEADLINE
from contracts.identities import agent_generation
from contracts.limits import RoomTimeouts
from settings import Settings
from tests.fakes.agent_server import SECRET, FakeServer

SESSION = "session_1234567890_abc123"
REQUEST = LaunchRequest(
    session_id=SESSION, generation=2, timeouts=RoomTimeouts(empty_seconds=180, departure_seconds=90)
)


class HungProcess(SupervisedProc):
    """The process of a job that never joins."""

    process_kind = property(lambda self: "job")

    def __init__(self, metadata: str) -> None:
        self.running_job = RunningJobInfo(
            accept_arguments=JobAcceptArguments(name="", identity="", metadata=""),
            job=Job(room=Room(metadata=metadata)),
            url="",
            token="",
            worker_id="",
            fake_job=False,
        )
        self.killed_by_us = False

    async def kill(self) -> None:
        self.killed_by_us = True

    def _create_process(self, *_: object) -> NoReturn:
        raise NotImplementedError

    async def _main_task(self, _: object) -> None:
        raise NotImplementedError


class LaunchedServer(FakeServer):
    """Records the jobs that it is asked to start."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[tuple[str, JobMetadata, str]] = []

    async def simulate_job(self, room: str, *, token: str = "", room_info: Room | None = None, **_: object) -> None:  # type: ignore[override]
        assert room_info is not None
        self.jobs.append((room, JobMetadata.model_validate_json(room_info.metadata), token))
        self.pool.processes.append(HungProcess(room_info.metadata))


@dataclass
class Reservation:
    """The context with which Temporal's core asks for a slot."""

    slot_type: Literal["workflow", "activity", "local-activity"] = "activity"
    task_queue: str = "voice-agents"
    worker_identity: str = "host"
    worker_build_id: str = ""
    worker_deployment_version: WorkerDeploymentVersion | None = None
    is_sticky: bool = False


class FakeRooms(Rooms):
    """LiveKit's rooms without a server. An agent has joined at the look number `looks`."""

    def __init__(self, looks: int = 2, silent: int = 0) -> None:
        self.looks, self.silent = looks, silent
        self.calls: list[str] = []

    async def create(self, name: str, timeouts: RoomTimeouts) -> None:
        if self.silent:
            self.silent -= 1
            raise TimeoutError
        self.calls.append("create")

    async def clear_agents(self, name: str, *, before: int) -> None:
        self.calls.append(f"clear before {before}")

    async def remove_unresponsive(self, name: str, *, before: int) -> None:
        self.calls.append(f"probe before {before}")

    async def has_arrived(self, name: str, generation: int) -> bool:
        self.looks -= 1
        return self.looks <= 0


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_CHECK_SECONDS", "_RETRY_SECONDS"):
        monkeypatch.setattr(launcher, name, 0.001)


def launching(rooms: FakeRooms, settings: Settings) -> tuple[Launcher, LaunchedServer]:
    server = LaunchedServer()
    return Launcher(server, rooms, settings), server


async def completed_later(launch: Launcher, request: LaunchRequest) -> None:
    with pytest.raises(BaseException) as left:
        await ActivityEnvironment().run(launch.launch_agent, request)
    assert type(left.value).__name__ == "_CompleteAsyncError"  # its end is the job's to report


async def test_a_job_gets_ids_its_token_and_a_join_token_of_kind_agent(agent_settings: Settings) -> None:
    launch, server = launching(rooms := FakeRooms(), agent_settings)
    await completed_later(launch, REQUEST)
    ((room, metadata, token),) = server.jobs
    assert (room, metadata.session_id, metadata.generation) == (SESSION, SESSION, 2)
    assert bytes.fromhex(metadata.task_token) == ActivityEnvironment().info.task_token
    claims = api.TokenVerifier("key", SECRET).verify(token)
    assert (claims.kind, claims.video and claims.video.room) == ("agent", SESSION)
    assert agent_generation(claims.identity) == 2
    assert rooms.calls == ["create", "clear before 2"]


async def test_a_predecessor_that_may_live_is_probed_and_not_cleared(agent_settings: Settings) -> None:
    launch, _ = launching(rooms := FakeRooms(), agent_settings)
    silent = {"predecessor_may_live": True, "predecessor_is_silent": True}
    await completed_later(launch, REQUEST.model_copy(update=silent))
    assert rooms.calls == ["create", "probe before 2"]
    await completed_later(launch, REQUEST.model_copy(update={"predecessor_may_live": True}))
    assert rooms.calls == ["create", "probe before 2", "create"]


async def test_a_silent_livekit_is_waited_for_with_heartbeats(
    agent_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "_HEARTBEAT_SECONDS", 0.001)
    beats: list[object] = []
    env = ActivityEnvironment()
    env.on_heartbeat = beats.append
    launch, server = launching(FakeRooms(silent=5), agent_settings)
    with pytest.raises(BaseException):  # noqa: B017  completed later
        await env.run(launch.launch_agent, REQUEST)
    assert len(beats) > 3
    assert len(server.jobs) == 1


async def test_a_job_that_never_joins_fails_the_launch(
    agent_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "_JOIN_SECONDS", 0.05)
    launch, server = launching(FakeRooms(looks=10**9), agent_settings)
    with pytest.raises(ApplicationError) as failure:
        await ActivityEnvironment().run(launch.launch_agent, REQUEST)
    assert failure.value.type == JOIN_DEADLINE
    assert [process.killed_by_us for process in server.pool.processes] == [True], "it would keep its place for good"


async def test_slots_are_reserved_up_to_the_capacity_and_given_back() -> None:
    slots = JobSlots(Capacity(lambda: 0, lambda: 2, 9))
    permits = [await slots.reserve_slot(Reservation()) for _ in range(2)]
    third = asyncio.create_task(slots.reserve_slot(Reservation()))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(third), 0.15)
    slots.release_slot(SlotReleaseContext(slot_info=None, permit=permits[0]))
    assert isinstance(await asyncio.wait_for(third, 2), SlotPermit)
    assert slots.try_reserve_slot(Reservation()) is None
