"""A launch on an agent host: a job in a warm process, heartbeats until it has joined, and slots for what fits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal

import pytest
from livekit import api
from livekit.protocol.models import Room
from temporalio.common import WorkerDeploymentVersion
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment
from temporalio.worker import SlotPermit, SlotReleaseContext

from activities.rooms import Rooms
from agent.host import launcher, room_keeping
from agent.host.capacity import Capacity
from agent.host.jobs import Jobs
from agent.host.launcher import JobSlots, Launcher
from contracts.agent import JobMetadata, LaunchRequest
from contracts.failures import JOB_PROCESS_ENDED, JOIN_DEADLINE
from contracts.identities import agent_generation
from contracts.limits import RoomTimeouts
from settings import Settings
from tests.fakes.agent_server import SECRET, FakeServer
from tests.fakes.temporal import FakeTemporal

SESSION = "session_1234567890_abc123"
REQUEST = LaunchRequest(
    session_id=SESSION, generation=2, timeouts=RoomTimeouts(empty_seconds=180, departure_seconds=90)
)


class LaunchedServer(FakeServer):
    """Records the jobs that it is asked to start; they join or end as `then` says."""

    def __init__(self, jobs: Jobs, then: Literal["joins", "ends", "hangs"]) -> None:
        super().__init__()
        self.host_jobs, self.then = jobs, then
        self.jobs: list[tuple[str, JobMetadata, str]] = []

    async def simulate_job(self, room: str, *, token: str = "", room_info: Room | None = None, **_: object) -> None:  # type: ignore[override]
        assert room_info is not None
        self.jobs.append((room, JobMetadata.model_validate_json(room_info.metadata), token))
        (job,) = self.host_jobs.running
        if self.then != "hangs":
            (job.joined if self.then == "joins" else job.gone).set()


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
    """LiveKit's rooms without a server. It does not answer the first `silent` calls."""

    def __init__(self, silent: int = 0) -> None:
        self.silent = silent
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


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room_keeping, "_RETRY_SECONDS", 0.001)


Then = Literal["joins", "ends", "hangs"]


def launching(
    jobs: Jobs, rooms: FakeRooms, settings: Settings, then: Then = "joins"
) -> tuple[Launcher, LaunchedServer]:
    server = LaunchedServer(jobs, then)
    return Launcher(server, jobs, rooms, settings), server


async def completed_later(launch: Launcher, request: LaunchRequest) -> None:
    with pytest.raises(BaseException) as left:
        await ActivityEnvironment().run(launch.launch_agent, request)
    assert type(left.value).__name__ == "_CompleteAsyncError"  # its end is the host's to report


async def test_a_job_gets_ids_its_key_and_a_join_token_of_kind_agent(jobs: Jobs, agent_settings: Settings) -> None:
    launch, server = launching(jobs, rooms := FakeRooms(), agent_settings)
    await completed_later(launch, REQUEST)
    ((room, metadata, token),) = server.jobs
    (job,) = jobs.running
    assert (room, metadata.session_id, metadata.generation) == (SESSION, SESSION, 2)
    assert (metadata.key, metadata.socket) == (job.key, str(jobs.socket))
    assert job.generation.task_token == ActivityEnvironment().info.task_token
    claims = api.TokenVerifier("key", SECRET).verify(token)
    assert (claims.kind, claims.video and claims.video.room) == ("agent", SESSION)
    assert agent_generation(claims.identity) == 2
    assert claims.identity == job.generation.identity
    assert rooms.calls == ["create", "clear before 2"]


async def test_a_predecessor_that_may_live_is_probed_and_not_cleared(jobs: Jobs, agent_settings: Settings) -> None:
    launch, _ = launching(jobs, rooms := FakeRooms(), agent_settings)
    silent = {"predecessor_may_live": True, "predecessor_is_silent": True}
    await completed_later(launch, REQUEST.model_copy(update=silent))
    assert rooms.calls == ["create", "probe before 2"]


async def test_a_predecessor_that_serves_is_left_alone(jobs: Jobs, agent_settings: Settings) -> None:
    launch, _ = launching(jobs, rooms := FakeRooms(), agent_settings)
    await completed_later(launch, REQUEST.model_copy(update={"predecessor_may_live": True}))
    assert rooms.calls == ["create"]


async def test_a_silent_livekit_is_waited_for_with_heartbeats(
    jobs: Jobs, agent_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "_HEARTBEAT_SECONDS", 0.001)
    beats: list[object] = []
    env = ActivityEnvironment()
    env.on_heartbeat = beats.append
    launch, server = launching(jobs, FakeRooms(silent=5), agent_settings)
    with pytest.raises(BaseException):  # noqa: B017  completed later
        await env.run(launch.launch_agent, REQUEST)
    assert len(beats) > 3
    assert len(server.jobs) == 1


async def test_a_job_that_never_joins_fails_the_launch_and_is_killed(
    jobs: Jobs, agent_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher, "_JOIN_SECONDS", 0.05)
    launch, _ = launching(jobs, FakeRooms(), agent_settings, "hangs")
    with pytest.raises(ApplicationError) as failure:
        await ActivityEnvironment().run(launch.launch_agent, REQUEST)
    assert failure.value.type == JOIN_DEADLINE
    await asyncio.wait_for(jobs.settled(), 5)
    assert jobs.running == [], "it would keep its place for good"


async def test_a_job_that_ends_before_it_has_joined_fails_the_launch_at_once(
    jobs: Jobs, agent_settings: Settings, temporal: FakeTemporal
) -> None:
    launch, _ = launching(jobs, FakeRooms(), agent_settings, "ends")
    with pytest.raises(ApplicationError) as failure:
        await ActivityEnvironment().run(launch.launch_agent, REQUEST)
    assert failure.value.type == JOB_PROCESS_ENDED
    await asyncio.wait_for(jobs.settled(), 5)
    assert temporal.failed == []


async def test_a_launch_that_is_not_wanted_any_more_ends_its_job(jobs: Jobs, agent_settings: Settings) -> None:
    env = ActivityEnvironment()
    launch, server = launching(jobs, FakeRooms(), agent_settings, "hangs")
    running = asyncio.create_task(env.run(launch.launch_agent, REQUEST))
    while not server.jobs:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    env.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await asyncio.wait_for(jobs.settled(), 5)
    assert jobs.running == []


async def test_slots_are_reserved_up_to_the_capacity_and_given_back() -> None:
    slots = JobSlots(Capacity(lambda: 0, lambda: 2, 9))
    permits = [await slots.reserve_slot(Reservation()) for _ in range(2)]
    third = asyncio.create_task(slots.reserve_slot(Reservation()))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(third), 0.15)
    slots.release_slot(SlotReleaseContext(slot_info=None, permit=permits[0]))
    assert isinstance(await asyncio.wait_for(third, 2), SlotPermit)
    assert slots.try_reserve_slot(Reservation()) is None
