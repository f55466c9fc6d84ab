"""One job: the life of one agent generation in its session's room, from launch to leave."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from functools import partial

from livekit import rtc
from livekit.agents import AutoSubscribe, JobContext, JobProcess
from opentelemetry.sdk.trace import TracerProvider

from activities.rooms import Rooms
from agent.conversation.conversation import Conversation
from agent.conversation.prewarm import prewarm
from agent.conversation.provider_failures import report_availability
from agent.handover.departure import report_departure, wait_until_replaced
from agent.handover.protocol import Incumbent, Succession, take_over
from agent.job_link.caller_watch import watch_caller
from agent.job_link.host_link import HostLink, SupersededError
from agent.speech import SpeechModels, load
from contracts.agent import AgentReady, JobMetadata
from contracts.identities import ARRIVED
from settings import Settings
from telemetry import logs
from telemetry.agent_traces import job_span, trace_jobs

logger = logging.getLogger("agent.job")


def prewarm_process(process: JobProcess) -> None:
    """Load everything slow before the process gets a job: settings and speech models."""
    logs.stamp_records()
    settings = Settings()
    process.userdata["settings"] = settings
    process.userdata["traces"] = trace_jobs(settings.telemetry)
    process.userdata["speech"] = speech = load(settings.speech)
    asyncio.run(prewarm(speech))


async def run(ctx: JobContext) -> None:
    """Serve the session that the launch names. Returns once the conversation runs; the job shuts down to leave.

    An error before that ends the job: it would seem alive without ever speaking.
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
    speech: SpeechModels = ctx.proc.userdata["speech"]
    identity = ctx.local_participant_identity
    room = ctx.room

    # 1. Get the briefing. Connecting to the room takes longest, so it starts now; nothing is heard before step 4.
    connecting = asyncio.create_task(ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY))
    host = await HostLink.open(metadata, in_room=lambda: room.connection_state == rtc.ConnectionState.CONN_CONNECTED)

    async def leave(reason: str) -> None:
        await report_departure(host, reason)

    ctx.add_shutdown_callback(leave)
    try:
        briefing = await host.briefing()
    except SupersededError as error:
        logger.info("leaving %s: %s", metadata.session_id, error)
        ctx.shutdown(str(error))
        return

    # 2. Build the conversation and begin to synthesize its first utterance. It leaves if its providers keep failing.
    parts = speech.for_voice(briefing.options.voice_id)
    parts.watch(partial(report_availability, host, briefing))
    conversation = Conversation(briefing, room, parts, host, settings)
    _leave_after(ctx, conversation.provider_failures.wait_for_failure())
    conversation.presynthesize()
    await connecting
    host.joined()
    room.on("reconnected", host.wake)
    host.mute_when_in_doubt(conversation.mute, briefing.heartbeat_timeout_seconds)

    # 3. Take the floor from the predecessor while the agent publishes its track, and be ready to hand it over.
    async def take_floor() -> Succession:
        watch_caller(room, briefing, host.presence)
        incumbent = Incumbent(room, briefing.generation, conversation.finish_speaking)
        _leave_after(ctx, wait_until_replaced(host, incumbent))
        remove = partial(Rooms(ctx.api).remove, room.name)
        succession, _ = await asyncio.gather(
            take_over(room, briefing, remove), room.local_participant.set_attributes({ARRIVED: "yes"})
        )
        return succession

    succession, *_ = await asyncio.gather(take_floor(), conversation.join())
    turns = succession.after(briefing.turns)
    if not succession.certain:
        turns = await host.transcript() or turns

    # 4. Speak, and report that this agent has the floor.
    if await conversation.start(succession, turns):
        at_ms, inherited = time.time_ns() // 1_000_000, succession.turns
        host.ready(AgentReady(generation=briefing.generation, identity=identity, at_ms=at_ms, inherited=inherited))


def _leave_after(ctx: JobContext, reason: Coroutine[None, None, str]) -> None:
    """Shut the job down with `reason` once it returns."""
    waiting = asyncio.create_task(reason)
    waiting.add_done_callback(lambda task: None if task.cancelled() else ctx.shutdown(task.result()))
