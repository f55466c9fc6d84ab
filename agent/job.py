"""One job: one agent generation's life in one session's room, from dispatch to leave."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from functools import partial

from livekit import api, rtc
from livekit.agents import AutoSubscribe, JobContext, JobProcess
from opentelemetry.sdk.trace import TracerProvider
from temporalio.client import Client
from temporalio.service import RPCError

from agent.conversation.conversation import Conversation
from agent.conversation.prewarm import prewarm
from agent.handover.protocol import HANDED_OVER, Incumbent, Succession, take_over
from agent.speech import SpeechModels, load
from agent.speech.fallback import Availability
from agent.workflow_link.heartbeat import Heartbeat, Verdict
from agent.workflow_link.workflow_client import SupersededError, WorkflowClient
from connections.dispatch_seal import Sealer
from connections.temporal_client import connect
from contracts.agent import AgentOutcome, AgentReady, Briefing, DispatchMetadata, ProviderChanged
from contracts.identities import ARRIVED
from contracts.room import Presence
from settings import Settings
from telemetry import logs
from telemetry.agent_traces import job_span, trace_jobs
from telemetry.traces import temporal_interceptors

logger = logging.getLogger("agent.job")

_FLUSH_SECONDS = 5.0
"""How long a leaving agent waits for its last reports to arrive; below the AgentServer's own patience."""
_CONNECT_TIMEOUT = timedelta(seconds=2)
_SERVER_STOPS = "parent process shutdown"
"""livekit-agents' reason when an AgentServer closes its jobs."""
_IN_ORDER = (HANDED_OVER, _SERVER_STOPS)


def prewarm_process(process: JobProcess) -> None:
    """Load everything slow before the process gets a job: settings, Temporal's client, speech models."""
    logs.stamp_records()
    settings = Settings()
    process.userdata["settings"] = settings
    process.userdata["traces"] = traces = trace_jobs(settings.telemetry)
    process.userdata["temporal"] = asyncio.run(_connected(settings, traces))
    process.userdata["speech"] = speech = load(settings.speech)
    asyncio.run(prewarm(speech))


async def _connected(settings: Settings, traces: TracerProvider | None) -> Client:
    """A client that is connected already, or will be at its first call: a process starts though Temporal is away."""
    client = await connect(settings.temporal, lazy=True, interceptors=temporal_interceptors(traces))
    with suppress(RPCError, RuntimeError):
        await client.service_client.check_health(timeout=_CONNECT_TIMEOUT)
    return client


async def run(ctx: JobContext) -> None:
    """Serve the session that the dispatch names. Returns once the conversation runs; the job shuts down to leave.

    A fault on the way ends the job: one that stayed in the room, beating but dumb, would pass for an agent.
    """
    try:
        traces: TracerProvider | None = ctx.proc.userdata["traces"]
        metadata = DispatchMetadata.model_validate_json(ctx.job.metadata)
        logs.process_is_about(metadata.session_id)
        with job_span(ctx, traces, metadata):
            await _enter(ctx, metadata)
    except Exception as error:
        ctx.shutdown(f"it failed: {type(error).__name__}")
        raise


async def _enter(ctx: JobContext, metadata: DispatchMetadata) -> None:
    settings: Settings = ctx.proc.userdata["settings"]
    client: Client = ctx.proc.userdata["temporal"]
    speech: SpeechModels = ctx.proc.userdata["speech"]
    task_token = Sealer(settings.livekit.api_secret.get_secret_value()).unseal(metadata.sealed_task_token)
    identity = ctx.local_participant_identity

    # 1. Claim the generation. Connecting takes longest, so it begins at once; the agent is mute until it has the floor.
    connecting = asyncio.create_task(ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY))
    workflow = WorkflowClient(client, metadata)
    try:
        briefing = await workflow.claim(identity)
    except SupersededError as error:
        logger.info("leaving %s: %s", metadata.session_id, error)
        await workflow.aclose()
        ctx.shutdown(str(error))
        return

    # 2. The first heartbeat must be accepted before anything is heard.
    heartbeat = Heartbeat(
        client,
        task_token,
        identity=identity,
        timeout_seconds=briefing.heartbeat_timeout_seconds,
        in_room=lambda: ctx.room.connection_state == rtc.ConnectionState.CONN_CONNECTED,
    )

    async def say_goodbye(reason: str) -> None:
        """However the job ends: deliver its last reports, then tell the workflow that this agent is gone."""
        if not await workflow.flush(_FLUSH_SECONDS):
            logger.warning("the agent of %s left before its last reports had arrived", metadata.session_id)
        await workflow.aclose()
        await heartbeat.complete(
            AgentOutcome(generation=briefing.generation, cause=reason, handed_over=reason in _IN_ORDER)
        )

    ctx.add_shutdown_callback(say_goodbye)
    if (verdict := await heartbeat.begin()) is not None:
        ctx.shutdown(verdict)
        return

    parts = speech.for_voice(briefing.options.voice_id)
    parts.watch(partial(_tell, workflow, briefing))
    ctx.room.on("reconnected", heartbeat.wake)
    conversation = Conversation(briefing, ctx.room, parts, workflow, settings)
    giving_up = asyncio.create_task(conversation.wait_for_failure())
    giving_up.add_done_callback(lambda task: None if task.cancelled() else ctx.shutdown(task.result()))
    beating = asyncio.create_task(heartbeat.run(conversation.mute, alone_seconds=briefing.alone_seconds))

    async def take_the_floor() -> Succession:
        watch_caller(ctx.room, briefing, workflow)
        incumbent = Incumbent(ctx.room, briefing.generation, conversation.finish_speaking)
        overdue = partial(heartbeat.wait_for_overdue_successor, alone_seconds=briefing.alone_seconds)
        leaving = asyncio.create_task(_until_not_wanted(beating, incumbent, overdue))
        leaving.add_done_callback(lambda task: None if task.cancelled() else ctx.shutdown(task.result()))
        succession, _ = await asyncio.gather(
            take_over(ctx.room, briefing, partial(_remove, ctx)),
            ctx.room.local_participant.set_attributes({ARRIVED: "yes"}),
        )
        return succession

    # 3. Take the floor from whoever had it. Everything is made ready meanwhile, so that nothing is waited for then.
    conversation.presynthesize()
    await connecting
    succession, *_ = await asyncio.gather(take_the_floor(), conversation.join())
    turns = succession.after(briefing.turns)
    if not succession.certain:
        turns = await workflow.transcript() or turns

    # 4. Speak, listen, report.
    if await conversation.begin(succession, turns):
        report = AgentReady(
            generation=briefing.generation, identity=identity, at_ms=_now_ms(), inherited=succession.turns
        )
        workflow.ready(report)


async def _until_not_wanted(
    beating: asyncio.Task[Verdict], incumbent: Incumbent, overdue: Callable[[], Coroutine[None, None, None]]
) -> str:
    """Serve until the session or a successor wants this agent gone, or the successor is `overdue`; why."""
    dismissed = asyncio.create_task(incumbent.wait_for_dismissal())
    await asyncio.wait({beating, dismissed}, return_when=asyncio.FIRST_COMPLETED)
    if not dismissed.done() and beating.result() is Verdict.SUPERSEDED:
        # The successor is on its way, and will ask. Until then the caller has no other agent than this one.
        waiting = asyncio.create_task(overdue())
        await asyncio.wait({dismissed, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
    return dismissed.result() if dismissed.done() else str(beating.result())


def _tell(workflow: WorkflowClient, briefing: Briefing, news: Availability) -> None:
    """A provider of speech failed, or is back: the session says so, and the log."""
    how = "is back" if news.available else f"failed; next is {news.next_up or 'nobody'}"
    logger.warning("%s of %s: %s %s", news.part, briefing.session_id, news.provider, how)
    workflow.provider_changed(ProviderChanged(generation=briefing.generation, **asdict(news)))


async def _remove(ctx: JobContext, identity: str) -> None:
    """Take a dead agent out of the room; one that is gone already counts as removed."""
    try:
        await ctx.api.room.remove_participant(api.RoomParticipantIdentity(room=ctx.room.name, identity=identity))
    except api.TwirpError as error:
        if error.code != api.TwirpErrorCode.NOT_FOUND:
            raise


def watch_caller(room: rtc.Room, briefing: Briefing, workflow: WorkflowClient) -> None:
    """Report the caller's coming and going as the agent sees it; webhooks tell the same, later or never."""

    def report(participant: rtc.RemoteParticipant, *, left: bool) -> None:
        if participant.identity == briefing.caller_identity:
            joined_at = participant.joined_at  # LiveKit's own, as exact as a webhook's: an agent may come later
            workflow.presence(
                Presence(
                    participant_sid=participant.sid,
                    identity=participant.identity,
                    kind="left" if left else "joined",
                    at_ms=_now_ms(),
                    joined_at_ms=round(joined_at.timestamp() * 1000) if joined_at else None,
                    source="agent",
                )
            )

    room.on("participant_connected", lambda participant: report(participant, left=False))
    room.on("participant_disconnected", lambda participant: report(participant, left=True))
    for participant in room.remote_participants.values():
        report(participant, left=False)
    if briefing.generation > 1 and briefing.caller_identity not in room.remote_participants:
        # Gone while no agent was there to see it; the webhook that told of it may be lost.
        workflow.presence(
            Presence(
                participant_sid="", identity=briefing.caller_identity, kind="left", at_ms=_now_ms(), source="agent"
            )
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
