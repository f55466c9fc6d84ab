"""A simulated agent host: pulls real launches and joins real rooms, but reports numbered lines instead of speaking.

One process carries a hundred agents.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from livekit import rtc
from livekit.agents.utils import shortuuid
from temporalio import activity
from temporalio.client import AsyncActivityCancelledError, AsyncActivityHandle, Client
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker

from activities.interface import AgentActivities
from agent.host.launcher import agent_token
from agent.job_link.caller_watch import watch_caller
from agent.workflow_link.workflow_client import RefusedError, WorkflowClient
from contracts.agent import AdoptRequest, AgentOutcome, AgentPulse, AgentReady, AgentReport, Briefing, LaunchRequest
from contracts.failures import AGENT_NOT_SERVING, JOB_PROCESS_ENDED
from contracts.identities import ARRIVED, agent_identity
from contracts.turns import Turn
from lab.soak.scripts import AgentFailure, Script
from settings import Settings

logger = logging.getLogger("lab.soak.agents")

_PAUSE_SECONDS = 0.25
_BEATS_PER_TIMEOUT = 3
_FLUSH_SECONDS = 5.0
_RPC_TIMEOUT = timedelta(seconds=2)


@dataclass
class Service:
    """Unix times between which one agent served."""

    since: float
    until: float = math.inf


class SimulatedAgents(AgentActivities):
    """Takes every launch; use as an async context manager.

    `delivered` counts each session's lines in Temporal, `failures` the agents that failed as planned; `is_ready` tells
    that a session has an agent, and `services` when each was there.
    """

    def __init__(self, settings: Settings, temporal: Client, scripts: tuple[Script, ...]) -> None:
        self._settings = settings
        self._temporal = temporal
        self._scripts = {script.user_name: script for script in scripts}
        self._jobs: set[asyncio.Task[None]] = set()
        self._serving: dict[str, _Agent] = {}
        activities = (self.launch_agent, self.adopt_agent)
        self._worker = Worker(temporal, task_queue=settings.temporal.agent_task_queue, activities=activities)
        self.delivered: Counter[str] = Counter()
        self.services: defaultdict[str, list[Service]] = defaultdict(list)
        self.is_ready: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.failures = 0

    async def __aenter__(self) -> Self:
        await self._worker.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.shutdown()
        for task in self._jobs:
            task.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    @activity.defn(name="launch_agent")
    async def launch_agent(self, request: LaunchRequest) -> AgentOutcome:
        """Start a simulated agent, which heartbeats and completes the activity by its token."""
        job = asyncio.create_task(self._serve(request, activity.info().task_token))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)
        activity.raise_complete_async()

    @activity.defn(name="adopt_agent")
    async def adopt_agent(self, request: AdoptRequest) -> AgentOutcome:
        """Let a simulated agent serve on under the task token of its session's next run."""
        agent = self._serving.get(request.session_id)
        if agent is None or agent.line.generation != request.generation:
            raise ApplicationError("its job process ended", type=JOB_PROCESS_ENDED)
        if not agent.room.isconnected():
            raise ApplicationError("it is outside its room", type=AGENT_NOT_SERVING)
        agent.task = self._temporal.get_async_activity_handle(task_token=activity.info().task_token)
        activity.raise_complete_async()

    async def _serve(self, request: LaunchRequest, task_token: bytes) -> None:
        name, generation = request.session_id, request.generation
        identity = agent_identity(generation, shortuuid("AJ_"))
        line = WorkflowClient(self._temporal, name, generation)
        task = self._temporal.get_async_activity_handle(task_token=task_token)
        agent = self._serving[name] = _Agent(self, line, task, identity)
        livekit = self._settings.livekit
        try:
            await agent.serve(livekit.url, agent_token(livekit, name, identity))
        except (RefusedError, rtc.ConnectError, RPCError) as error:
            logger.info("an agent of %s left: %s", name, error)
        finally:
            if self._serving.get(name) is agent:
                del self._serving[name]
            await line.aclose()
            await agent.room.disconnect()

    def script(self, user_name: str) -> Script:
        """The script of a user."""
        return self._scripts[user_name]


@dataclass
class _Agent:
    """One generation in the steps of a real job: claim, first heartbeat, ready, lines, leave."""

    server: SimulatedAgents
    line: WorkflowClient
    task: AsyncActivityHandle
    identity: str

    def __post_init__(self) -> None:
        self.room = rtc.Room()

    async def serve(self, url: str, token: str) -> None:
        """Serve from launch to leave, or to the planned failure."""
        options = rtc.RoomOptions(auto_subscribe=False)
        briefing, _ = await asyncio.gather(self.line.claim(self.identity), self.room.connect(url, token, options))
        if not await self._beat():
            return
        await self.room.local_participant.set_attributes({ARRIVED: "yes"})
        watch_caller(self.room, briefing, lambda presence: self.line.report(AgentReport(presence=presence)))
        ready = AgentReady(generation=briefing.generation, identity=self.identity, at_ms=_now_ms())
        self.line.report(AgentReport(ready=ready))
        service = Service(time.time())
        self.server.services[briefing.session_id].append(service)
        self.server.is_ready[briefing.session_id].set()
        speaking = asyncio.create_task(self._speak(briefing))
        beating = asyncio.create_task(self._until_unwanted(briefing.heartbeat_timeout_seconds / _BEATS_PER_TIMEOUT))
        try:
            await asyncio.wait([speaking, beating], return_when=asyncio.FIRST_COMPLETED)
            if speaking.done() and (failure := speaking.result()) is not AgentFailure.NONE:
                await self._fail(failure)
                return
            await beating
        finally:
            service.until = time.time()
            for each in (speaking, beating):
                each.cancel()
            await asyncio.gather(speaking, beating, return_exceptions=True)
        await self.line.flush(_FLUSH_SECONDS)
        outcome = AgentOutcome(generation=briefing.generation, cause="the session is ending")
        await _unless_over(self.task.complete(outcome, rpc_timeout=_RPC_TIMEOUT))

    async def _speak(self, briefing: Briefing) -> AgentFailure:
        """Report the lines that are not in the transcript yet; returns the failure that comes next."""
        script = self.server.script(briefing.user_name)
        failure = script.failure if briefing.generation == 1 else AgentFailure.NONE
        last = script.failure_after_lines if failure is not AgentFailure.NONE else script.lines
        for sequence, number in enumerate(range(len(briefing.turns) + 1, last + 1), start=1):
            turn = Turn(
                generation=briefing.generation,
                sequence=sequence,
                role="agent" if number % 2 else "caller",
                text=f"line {number}",
                at_ms=_now_ms(),
            )
            self.line.report(AgentReport(turn=turn))
            if await self.line.flush(_FLUSH_SECONDS):
                self.server.delivered[briefing.session_id] = number
            await asyncio.sleep(_PAUSE_SECONDS)
        return failure

    async def _until_unwanted(self, period: float) -> None:
        while self.room.isconnected():
            if not await self._beat():
                return
            await asyncio.sleep(period)

    async def _beat(self) -> bool:
        """Send one heartbeat. False if this agent is not wanted any more."""
        try:
            pulse = AgentPulse(identity=self.identity, pid=os.getpid(), at_ms=_now_ms())
            await self.task.heartbeat(pulse, rpc_timeout=_RPC_TIMEOUT)
        except AsyncActivityCancelledError:
            return False
        except RPCError as error:
            return error.status is not RPCStatusCode.NOT_FOUND
        return True

    async def _fail(self, failure: AgentFailure) -> None:
        self.server.failures += 1
        await self.room.disconnect()
        if failure is AgentFailure.PROCESS_EXITS:
            end = ApplicationError("its job process ended", type=JOB_PROCESS_ENDED)
            await _unless_over(self.task.fail(end, rpc_timeout=_RPC_TIMEOUT))


async def _unless_over(call: Awaitable[None]) -> None:
    """Report an agent's end, unless its generation is over."""
    try:
        await call
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
