"""LiveKit and its agents as the tests play them: the workflow's activities, with nothing behind them but the test.

`FakeActivities` serves any number of sessions; `scene(session_id)` is where a test arranges what one of them meets.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Literal

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError, AsyncActivityHandle, Client, WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from activities.interface import AgentActivities, SessionActivities
from activities.webhook_sender import WebhookSender
from contracts.agent import AdoptRequest, AgentOutcome, AgentReady, Briefing, ClaimRequest, DrainRequest, LaunchRequest
from contracts.customer_webhooks import WebhookRequest
from contracts.failures import AGENT_NOT_SERVING, JOB_PROCESS_ENDED, JOIN_DEADLINE, JOIN_TOKEN_FAILED
from contracts.identities import agent_identity
from contracts.join_token import JoinToken, JoinTokenRequest
from contracts.room import Presence, RoomRequest, RoomView
from contracts.session import SessionRecord
from contracts.turns import Turn
from tests.fakes.reports import reports
from workflows.voice_session import VoiceSession

_BEAT_SECONDS = 0.05

PATIENCE_SECONDS = 30
"""Longer than a workflow task timeout (10 s): a task given to a worker that stops comes again after it."""


class FakeAgent:
    """One generation's job, as the test drives it: it heartbeats until it is cancelled or told how to go."""

    def __init__(self, client: Client, launch: LaunchRequest, task_token: bytes, host: str) -> None:
        self._host = host
        self.generation = launch.generation
        self.identity = agent_identity(launch.generation, f"AJ_{launch.generation}")
        self._client = client
        self.is_silent = False
        self.task: AsyncActivityHandle = client.get_async_activity_handle(task_token=task_token)
        self._session: WorkflowHandle[VoiceSession, SessionRecord] = client.get_workflow_handle_for(
            VoiceSession.run, launch.session_id
        )
        self._sequence = 0
        self._heart = asyncio.create_task(self._beat())

    async def claim(self, identity: str | None = None) -> Briefing:
        request = ClaimRequest(generation=self.generation, identity=identity or self.identity, host=self._host)
        return await self._session.execute_update(VoiceSession.claim, request)

    async def ready(self, *inherited: Turn) -> None:
        report = AgentReady(generation=self.generation, identity=self.identity, at_ms=0, inherited=inherited)
        await self._session.signal(VoiceSession.agent_reports, reports(report))

    async def drain(self) -> None:
        """Its AgentServer will stop."""
        await self._session.signal(VoiceSession.drain, DrainRequest(generation=self.generation))

    async def say(self, text: str, role: Literal["agent", "caller"] = "agent") -> Turn:
        self._sequence += 1
        turn = Turn(generation=self.generation, sequence=self._sequence, role=role, text=text, at_ms=0)
        await self._session.signal(VoiceSession.agent_reports, reports(turn))
        return turn

    async def leave(self, cause: str = "left by itself", *, handed_over: bool = False) -> None:
        await self.die_silently()
        await self.task.complete(AgentOutcome(generation=self.generation, cause=cause, handed_over=handed_over))

    async def crash(self, why: str = "the process ended", kind: str = "AgentCrashed", at_ms: int | None = None) -> None:
        await self.die_silently()
        details = [] if at_ms is None else [at_ms]
        await self.task.fail(ApplicationError(why, *details, type=kind))

    async def report(self, *presences: Presence) -> None:
        """Say where it sees the caller."""
        await self._session.signal(VoiceSession.agent_reports, reports(*presences))

    def adopt(self, task_token: bytes) -> None:
        """Serve on under the task token of the session's next run."""
        self._heart.cancel()
        self.task = self._client.get_async_activity_handle(task_token=task_token)
        self._heart = asyncio.create_task(self._beat())

    async def miss_heartbeats(self) -> None:
        """It lives, but no heartbeat arrives any more."""
        self._heart.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._heart

    async def is_called_off(self) -> None:
        """Wait until the workflow does not want it any more."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.wait({self._heart})

    async def die_silently(self) -> None:
        """No word any more: only the heartbeat timeout tells."""
        self.is_silent = True
        self._heart.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._heart

    async def _beat(self) -> None:
        while True:
            try:
                await self.task.heartbeat()
            except AsyncActivityCancelledError:
                with contextlib.suppress(RPCError):
                    await self.task.report_cancellation()
                return
            except RPCError:  # timed out or finished: this generation is not wanted any more
                return
            await asyncio.sleep(_BEAT_SECONDS)


def open_gate() -> asyncio.Event:
    gate = asyncio.Event()
    gate.set()
    return gate


@dataclass
class Scene:
    """One session's surroundings. Gates hold an activity up while they are cleared; counters count calls."""

    join_token_gate: asyncio.Event = field(default_factory=open_gate)
    join_token_failures: int = 0
    join_tokens: int = 0
    launching: Literal["arrives", "hangs", "misses its deadline"] = "arrives"
    launches: list[LaunchRequest] = field(default_factory=list)
    host: str = ""
    arrivals: asyncio.Queue[FakeAgent] = field(default_factory=asyncio.Queue)
    agents: dict[int, FakeAgent] = field(default_factory=dict)
    adoptions: asyncio.Queue[AdoptRequest] = field(default_factory=asyncio.Queue)
    callers: tuple[Presence, ...] = ()
    answering: tuple[str, ...] = ()
    look_gate: asyncio.Event = field(default_factory=open_gate)
    look_fails: bool = False
    looks: int = 0
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    close_gate: asyncio.Event = field(default_factory=open_gate)
    close_failures: int = 0
    closes: int = 0
    webhooks: WebhookSender | None = None

    async def next_agent(self) -> FakeAgent:
        """The next generation's job, as soon as it is launched."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.arrivals.get()


class FakeActivities(SessionActivities, AgentActivities):
    """The activities of all sessions of a test run."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._scenes: dict[str, Scene] = {}

    def scene(self, session_id: str) -> Scene:
        return self._scenes.setdefault(session_id, Scene())

    @activity.defn(name="issue_join_token")
    async def issue_join_token(self, request: JoinTokenRequest) -> JoinToken:
        scene = self.scene(request.session_id)
        scene.join_tokens += 1
        await scene.join_token_gate.wait()
        if scene.join_tokens <= scene.join_token_failures:
            raise ApplicationError("LiveKit did not make the room: out of order", type=JOIN_TOKEN_FAILED)
        return JoinToken(
            session_id=request.session_id,
            room_name=request.session_id,
            identity=request.identity,
            token=f"signed {scene.join_tokens}",
            server_url="ws://livekit",
        )

    @activity.defn(name="launch_agent")
    async def launch_agent(self, request: LaunchRequest) -> AgentOutcome:
        scene = self.scene(request.session_id)
        scene.launches.append(request)
        if scene.launching == "misses its deadline":
            raise ApplicationError("no agent joined", type=JOIN_DEADLINE)
        while scene.launching == "hangs":
            activity.heartbeat("waiting for the agent to join")
            await asyncio.sleep(_BEAT_SECONDS)
        agent = FakeAgent(self._client, request, activity.info().task_token, scene.host)
        scene.agents[request.generation] = agent
        scene.arrivals.put_nowait(agent)
        activity.raise_complete_async()

    @activity.defn(name="adopt_agent")
    async def adopt_agent(self, request: AdoptRequest) -> AgentOutcome:
        scene = self.scene(request.session_id)
        scene.adoptions.put_nowait(request)
        if (agent := scene.agents.get(request.generation)) is None:
            raise ApplicationError("its job process ended", type=JOB_PROCESS_ENDED)
        if agent.is_silent:
            raise ApplicationError("it is outside its room, or leaves", type=AGENT_NOT_SERVING)
        agent.adopt(activity.info().task_token)
        activity.raise_complete_async()

    @activity.defn(name="look_at_room")
    async def look_at_room(self, request: RoomRequest) -> RoomView:
        scene = self.scene(request.session_id)
        scene.looks += 1
        scene.looked.set()
        await scene.look_gate.wait()
        if scene.look_fails:
            raise ApplicationError("LiveKit is out of order", non_retryable=True)
        answering = scene.answering if request.probe_agents else ()
        return RoomView(callers=scene.callers, answering_agents=answering)

    @activity.defn(name="close_room")
    async def close_room(self, request: RoomRequest) -> RoomView:
        scene = self.scene(request.session_id)
        scene.closes += 1
        await scene.close_gate.wait()
        if scene.closes <= scene.close_failures:
            raise ApplicationError("LiveKit is out of order")
        return RoomView(callers=scene.callers)

    @activity.defn(name="deliver_webhook")
    async def deliver_webhook(self, request: WebhookRequest) -> None:
        sender = self.scene(request.session_id).webhooks
        assert sender is not None, "this test has no receiver"
        await sender.deliver(request)
