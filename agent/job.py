"""One job: the life of one agent generation in its session's room, from launch to leave."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from contextlib import suppress
from datetime import timedelta
from functools import partial

from livekit import rtc
from livekit.agents import AutoSubscribe, JobContext, JobProcess
from opentelemetry.sdk.trace import TracerProvider
from temporalio.client import Client
from temporalio.service import RPCError

from activities.rooms import Rooms
from agent.conversation.conversation import Conversation
from agent.conversation.prewarm import prewarm
from agent.conversation.provider_failures import report_availability
from agent.handover.departure import report_departure, wait_until_replaced
from agent.handover.protocol import Incumbent, Succession, take_over
from agent.speech import SpeechModels, load
from agent.workflow_link.caller_watch import watch_caller
from agent.workflow_link.heartbeat import Heartbeat
from agent.workflow_link.workflow_client import SupersededError, WorkflowClient
from connections.temporal_client import connect
from contracts.agent import AgentReady, JobMetadata
from contracts.identities import ARRIVED
from settings import Settings
from telemetry import logs
from telemetry.agent_traces import job_span, trace_jobs
from telemetry.traces import temporal_interceptors

logger = logging.getLogger("agent.job")

_CONNECT_TIMEOUT = timedelta(seconds=2)


def prewarm_process(process: JobProcess) -> None:
    """Load everything slow before the process gets a job: settings, Temporal's client, speech models."""
    logs.stamp_records()
    settings = Settings()
    process.userdata["settings"] = settings
    process.userdata["traces"] = traces = trace_jobs(settings.telemetry)
    process.userdata["temporal"] = asyncio.run(_connect(settings, traces))
    process.userdata["speech"] = speech = load(settings.speech)
    asyncio.run(prewarm(speech))


async def _connect(settings: Settings, traces: TracerProvider | None) -> Client:
    """Return a client; where Temporal is unreachable it connects at its first call."""
    client = await connect(settings.temporal, lazy=True, interceptors=temporal_interceptors(traces))
    with suppress(RPCError, RuntimeError):
        await client.service_client.check_health(timeout=_CONNECT_TIMEOUT)
    return client


async def run(ctx: JobContext) -> None:
    """Serve the session that the launch names. Returns once the conversation runs; the job shuts down to leave.

    An error before that ends the job: it would keep heartbeating without ever speaking.
    """
    try:
        traces: TracerProvider | None = ctx.proc.userdata["traces"]
        metadata = JobMetadata.model_validate_json(ctx.job.room.metadata)
        logs.process_is_about(metadata.session_id)
        with job_span(ctx, traces, metadata):
            await _serve(ctx, metadata)
    except Exception as error:
        ctx.shutdown(f"it failed: {type(error).__name__}")
        raise


async def _serve(ctx: JobContext, metadata: JobMetadata) -> None:
    settings: Settings = ctx.proc.userdata["settings"]
    client: Client = ctx.proc.userdata["temporal"]
    speech: SpeechModels = ctx.proc.userdata["speech"]
    task_token = bytes.fromhex(metadata.task_token)
    identity = ctx.local_participant_identity
    room = ctx.room

    # 1. Claim the generation. Connecting to the room takes longest, so it starts now; nothing is heard before step 5.
    connecting = asyncio.create_task(ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY))
    workflow = WorkflowClient(client, metadata)
    try:
        briefing = await workflow.claim(identity)
    except SupersededError as error:
        logger.info("leaving %s: %s", metadata.session_id, error)
        await workflow.aclose()
        ctx.shutdown(str(error))
        return

    # 2. Have a first heartbeat accepted. From here on the job's end is reported.
    heartbeat = Heartbeat(
        client,
        task_token,
        identity=identity,
        timeout_seconds=briefing.heartbeat_timeout_seconds,
        in_room=lambda: room.connection_state == rtc.ConnectionState.CONN_CONNECTED,
    )

    async def leave(reason: str) -> None:
        await report_departure(workflow, heartbeat, briefing, reason)

    ctx.add_shutdown_callback(leave)
    if (verdict := await heartbeat.start()) is not None:
        ctx.shutdown(verdict)
        return

    # 3. Build the conversation and begin to synthesize its first utterance. It leaves if its providers keep failing.
    parts = speech.for_voice(briefing.options.voice_id)
    parts.watch(partial(report_availability, workflow, briefing))
    conversation = Conversation(briefing, room, parts, workflow, settings)
    _leave_after(ctx, conversation.provider_failures.wait_for_failure())
    room.on("reconnected", heartbeat.wake)
    alone_seconds = briefing.alone_seconds
    beating = asyncio.create_task(heartbeat.run(conversation.mute, alone_seconds=alone_seconds))
    conversation.presynthesize()
    await connecting

    # 4. Take the floor from the predecessor while the agent publishes its track, and be ready to hand it over.
    async def take_floor() -> Succession:
        watch_caller(room, briefing, workflow)
        incumbent = Incumbent(room, briefing.generation, conversation.finish_speaking)
        successor_overdue = partial(heartbeat.wait_for_overdue_successor, alone_seconds=alone_seconds)
        _leave_after(ctx, wait_until_replaced(beating, incumbent, successor_overdue))
        remove = partial(Rooms(ctx.api).remove, room.name)
        succession, _ = await asyncio.gather(
            take_over(room, briefing, remove), room.local_participant.set_attributes({ARRIVED: "yes"})
        )
        return succession

    succession, *_ = await asyncio.gather(take_floor(), conversation.join())
    turns = succession.after(briefing.turns)
    if not succession.certain:
        turns = await workflow.transcript() or turns

    # 5. Speak, and report that this agent has the floor.
    if await conversation.start(succession, turns):
        at_ms, inherited = time.time_ns() // 1_000_000, succession.turns
        workflow.ready(AgentReady(generation=briefing.generation, identity=identity, at_ms=at_ms, inherited=inherited))


def _leave_after(ctx: JobContext, reason: Coroutine[None, None, str]) -> None:
    """Shut the job down with `reason` once it returns."""
    waiting = asyncio.create_task(reason)
    waiting.add_done_callback(lambda task: None if task.cancelled() else ctx.shutdown(task.result()))
