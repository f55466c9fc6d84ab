"""Pulls `launch_agent` activities off the agents' task queue, one for each free slot of this agent host.

Work waits in Temporal until a host has a warm process and room for one more job. A session that ends meanwhile takes
its launch out of the queue; a burst of calls waits there, and nobody is asked twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

from livekit import api
from livekit.agents import AgentServer
from livekit.agents.utils import shortuuid
from livekit.protocol.models import Room
from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import (
    CustomSlotSupplier,
    FixedSizeSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
    Worker,
    WorkerTuner,
)
from tenacity import wait_fixed

from activities.interface import AgentActivities
from activities.rooms import Rooms
from agent.host.capacity import Capacity
from agent.host.hosted_job import Generation, HostedJob
from agent.host.jobs import Jobs
from agent.host.room_keeping import see_to_room, until_livekit_answers
from agent.host.warm_processes import WarmProcesses
from agent.workflow_link.retries import retry_outages
from connections.temporal_client import connect
from contracts.agent import AgentOutcome, JobMetadata, LaunchRequest
from contracts.failures import JOIN_DEADLINE
from contracts.identities import agent_identity
from settings import LiveKitSettings, Settings
from telemetry.temporal_traces import temporal_interceptors
from telemetry.traces import traceparent, tracer_provider

logger = logging.getLogger("agent.host.launcher")

_POLLERS = 2
_GRACE = timedelta(seconds=10)
_JOIN_SECONDS = 30.0
"""A job that has not joined its room by then is given up; on an idle machine it takes 0.3 s."""
_HEARTBEAT_SECONDS = 0.3
_RETRY_SECONDS = 0.2


class Launcher(AgentActivities):
    """Starts one job in a warm process of this host for each launch, and waits until it has joined its room."""

    def __init__(self, server: AgentServer, jobs: Jobs, rooms: Rooms, settings: Settings) -> None:
        self._server = server
        self._jobs = jobs
        self._warm = WarmProcesses(server, settings.agent.idle_processes)
        self._rooms = rooms
        self._livekit = settings.livekit

    @activity.defn(name="launch_agent")
    async def launch_agent(self, request: LaunchRequest) -> AgentOutcome:
        """See the interface. From the join on the host heartbeats for the job, and completes the activity."""
        generation = Generation(
            session_id=request.session_id,
            number=request.generation,
            identity=agent_identity(request.generation, shortuuid("AJ_")),
            task_token=activity.info().task_token,
        )
        job, metadata = self._jobs.launch(generation, traceparent())
        try:
            async with _heartbeats(), asyncio.timeout(_JOIN_SECONDS):
                self._warm.pause_spawning()
                await self._prepare_room(request)
                await self._launch(request, job, metadata)
        except TimeoutError as error:
            logger.warning("the job of %s hangs", generation)
            await self._jobs.kill(job)
            raise ApplicationError(f"the agent did not join within {_JOIN_SECONDS:g} s", type=JOIN_DEADLINE) from error
        except BaseException:  # it is not wanted any more, or could not be launched
            await self._jobs.kill(job)
            raise
        if job.joined.is_set():
            job.while_it_lives(see_to_room(job, self._rooms, request.timeouts))
            activity.raise_complete_async()
        if (outcome := job.outcome) is not None:
            return outcome
        failure_type, message = job.failure
        raise ApplicationError(message, type=failure_type)

    async def _prepare_room(self, request: LaunchRequest) -> None:
        """Make the room if a restarted LiveKit has lost it, and remove agents from it that are certainly dead."""
        name, generation = request.session_id, request.generation
        await until_livekit_answers(partial(self._rooms.create, name, request.timeouts))
        if generation > 1 and not request.predecessor_may_live:
            await until_livekit_answers(partial(self._rooms.clear_agents, name, before=generation))

    async def _launch(self, request: LaunchRequest, job: HostedJob, metadata: JobMetadata) -> None:
        """Start the job and wait until it has joined or ended.

        A silent predecessor is probed meanwhile, which takes 0.4 s.
        """
        name = request.session_id
        probe = partial(self._rooms.remove_unresponsive, name, before=request.generation)
        probing = asyncio.create_task(until_livekit_answers(probe)) if request.predecessor_is_silent else None
        try:
            await self._server.simulate_job(
                name,
                token=agent_token(self._livekit, name, job.generation.identity),
                room_info=Room(name=name, metadata=metadata.model_dump_json()),
            )
            await job.joined_or_gone()
            if probing and job.joined.is_set():
                await probing
        finally:
            if probing:
                probing.cancel()


def agent_token(livekit: LiveKitSettings, room: str, identity: str) -> str:
    """Sign a token with which an agent joins one room, as LiveKit's own dispatch would."""
    grants = api.VideoGrants(room_join=True, room=room, agent=True, can_update_own_metadata=True)
    token = api.AccessToken(livekit.api_key, livekit.api_secret.get_secret_value())
    return token.with_identity(identity).with_kind("agent").with_grants(grants).to_jwt()


class JobSlots(CustomSlotSupplier):
    """Lets the worker poll only while this host can start another job at once."""

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._reserved = 0

    async def reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit:
        """Wait until a warm process is free and the machine can carry another job."""
        await self._capacity.available(lambda: self._reserved)
        self._reserved += 1
        return SlotPermit()

    def try_reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit | None:
        """No launch is handed over without a poll."""
        return None

    def mark_slot_used(self, ctx: SlotMarkUsedContext) -> None:
        """The slot was counted when it was reserved."""

    def release_slot(self, ctx: SlotReleaseContext) -> None:
        """The launch is over: from here on its job is counted by the pool."""
        self._reserved -= 1


async def pull_launches(
    server: AgentServer, jobs: Jobs, capacity: Capacity, livekit: api.LiveKitAPI, settings: Settings
) -> None:
    """Take launches until cancelled; then finish the ones under way. Waits for the pool, and for Temporal."""
    started = asyncio.Event()
    server.on("worker_started", started.set)
    await started.wait()
    client = await _connected(settings)
    await jobs.start(client)
    queue = settings.temporal.agent_task_queue
    launcher = Launcher(server, jobs, Rooms(livekit), settings)
    async with build_launch_worker(client, launcher, JobSlots(capacity), queue):
        logger.info("pulling launches from task queue %s", queue)
        await asyncio.Event().wait()


async def _connected(settings: Settings) -> Client:
    interceptors = temporal_interceptors(tracer_provider(settings.telemetry, "voice-agent-host"))
    retrying = retry_outages(logger, "this host's connection", wait_fixed(_RETRY_SECONDS))
    return await retrying(connect, settings.temporal, interceptors=interceptors)


def build_launch_worker(client: Client, launcher: AgentActivities, slots: JobSlots, task_queue: str) -> Worker:
    """The activity worker of an agent host."""
    others = FixedSizeSlotSupplier(1)
    return Worker(
        client,
        task_queue=task_queue,
        activities=[launcher.launch_agent],
        tuner=WorkerTuner.create_composite(
            workflow_supplier=others,
            activity_supplier=slots,
            local_activity_supplier=others,
            nexus_supplier=others,
        ),
        max_concurrent_activity_task_polls=_POLLERS,
        graceful_shutdown_timeout=_GRACE,
        max_heartbeat_throttle_interval=timedelta(milliseconds=200),
        default_heartbeat_throttle_interval=timedelta(milliseconds=200),
    )


@asynccontextmanager
async def _heartbeats() -> AsyncIterator[None]:
    """Heartbeat of its own, beside calls that may hang: a silent LiveKit is no dead agent."""

    async def beat() -> None:
        while True:
            activity.heartbeat("the agent is joining its room")
            await asyncio.sleep(_HEARTBEAT_SECONDS)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
