"""One job of an agent host: briefs it, delivers its reports, heartbeats for it, and reports its end."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace

from temporalio.client import Client

from agent.host.task_tokens import fail_token
from agent.job_link.messages import (
    FROM_JOB,
    Briefed,
    Confirmed,
    Joined,
    Leave,
    Left,
    Reported,
    Tick,
    Transcript,
    TranscriptWanted,
    line_of,
)
from agent.workflow_link.heartbeat import Heartbeat, Verdict
from agent.workflow_link.workflow_client import RefusedError, WorkflowClient
from contracts.agent import AgentOutcome, Briefing
from contracts.failures import JOB_PROCESS_ENDED, JOB_STOOD_STILL
from contracts.message import Message

logger = logging.getLogger("agent.host.hosted_job")

_LAST_WORDS_SECONDS = 1.0
"""A dead agent's last reports go before its failure, so that its successor knows them, unless that takes longer."""
_DELIVERY_SECONDS = 30.0
_LEAVE_SECONDS = 30.0
"""A job that was sent away and has not left by then is killed."""


@dataclass(frozen=True)
class Generation:
    """The generation that a job is to be, and the task token of its launch."""

    session_id: str
    number: int
    identity: str
    task_token: bytes = field(repr=False)

    def __str__(self) -> str:
        return f"{self.session_id}, generation {self.number}"


class HostedJob:
    """`joined` is set once the agent is in its room, `gone` once its link or its process has ended."""

    def __init__(self, client: Client, generation: Generation, key: str, host: str) -> None:
        self.generation = generation
        self.key = key
        self.joined = asyncio.Event()
        self.gone = asyncio.Event()
        self.left: Left | None = None
        self.inside = asyncio.Event()
        self.inside.set()
        self.outside = asyncio.Event()
        self.over = asyncio.Event()
        """The session's workflow has ended without an end of this job."""
        self.muted = False
        self.loop_late_seconds = 0.0
        self.silent_seconds = 0.0
        """How long nothing was heard from it while the host itself ran in time."""
        self.stood_still = False
        self.pid = 0
        self.client = client
        self._workflow = WorkflowClient(client, generation.session_id, generation.number)
        self._lines: asyncio.StreamWriter | None = None
        self._connected = asyncio.Event()
        self._host = host
        self._heartbeat = Heartbeat(client, generation.task_token, generation.identity)
        self._briefing: Briefing | None = None
        self._beating: asyncio.Task[None] | None = None
        self._others: list[asyncio.Task[None]] = []
        self._is_sent_away = False
        self._gone_at_ms = 0

    @property
    def in_room(self) -> bool:
        """False while the agent is cut off from its room. `inside` and `outside` wait for a change."""
        return self.inside.is_set()

    @property
    def is_linked(self) -> bool:
        """True while the job can be heard."""
        return self._connected.is_set() and not self.gone.is_set()

    async def joined_or_gone(self) -> None:
        """Wait until the agent is in its room, or will never be."""
        waiting = [asyncio.create_task(event.wait()) for event in (self.joined, self.gone)]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    # What the job says.

    async def listen(self, lines: asyncio.StreamReader, writer: asyncio.StreamWriter, pid: int) -> None:
        """Take in what the job says until it ends."""
        self._lines, self.pid = writer, pid
        self._connected.set()
        try:
            async for line in lines:
                self.silent_seconds = 0.0
                await self._take(line)
        except OSError as error:
            logger.info("the link to the job of %s broke: %s", self.generation.session_id, type(error).__name__)
        finally:
            if self.left is None:
                self.end_process()  # without its link it would serve on without heartbeats
            self.end()

    def end(self) -> None:
        """Its link or its process has ended."""
        if not self.gone.is_set():
            self._gone_at_ms = time.time_ns() // 1_000_000
            self.gone.set()

    async def _take(self, line: bytes) -> None:
        match message := FROM_JOB.validate_json(line):
            case Reported(report=report):
                self._workflow.report(report)
            case Tick():
                self._note(message)
            case Joined():
                self.joined.set()
            case TranscriptWanted():
                self._send(Transcript(turns=await self._workflow.transcript()))
            case Left():
                self.left = message
            case _:
                pass

    def _note(self, tick: Tick) -> None:
        is_new_doubt = tick.muted and tick.in_room
        self.muted, self.loop_late_seconds = tick.muted, tick.loop_late_seconds
        now, before = (self.inside, self.outside) if tick.in_room else (self.outside, self.inside)
        before.clear()
        now.set()
        if is_new_doubt:
            self._heartbeat.wake()

    def _send(self, message: Message) -> None:
        if self._lines and not self._lines.is_closing():
            self._lines.write(line_of(message))

    # What the host does for it.

    async def serve(self) -> None:
        """Brief the job, heartbeat for it once it has joined, and report its end."""
        serving = asyncio.create_task(self._serve())
        await self.gone.wait()
        tasks = [task for task in (serving, self._beating, *self._others) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.joined.is_set():
            await self._report_end()
        else:  # the launch reports it, which waits for the job to join
            await self._workflow.flush(_LAST_WORDS_SECONDS)
        await self._workflow.aclose()

    async def _serve(self) -> None:
        try:
            briefing = await self._workflow.claim(self.generation.identity, self._host)
        except RefusedError as error:
            await self._connected.wait()
            await self._send_away(str(error))
            return
        await self._connected.wait()
        self._send(Briefed(briefing=briefing))
        await self.joined.wait()
        self._briefing = briefing
        self._beating = asyncio.create_task(self._beat(briefing))

    def while_it_lives(self, work: Coroutine[None, None, None]) -> None:
        """Do this until the job has ended."""
        self._others.append(asyncio.create_task(work))

    async def is_wanted(self) -> bool:
        """False if Temporal says that this generation must leave."""
        return not self._is_sent_away and await self._heartbeat.beat(self.pid) is None

    def adopt(self, task_token: bytes) -> bool:
        """Heartbeat with this token from now on. False if the job is outside its room, or about to leave."""
        is_leaving = self._is_sent_away or self.left is not None
        if self._briefing is None or self._beating is None or is_leaving or not self.in_room:
            return False
        self._beating.cancel()
        self.generation = replace(self.generation, task_token=task_token)
        self._heartbeat = Heartbeat(self.client, task_token, self.generation.identity)
        self._beating = asyncio.create_task(self._beat(self._briefing))
        return True

    async def _beat(self, briefing: Briefing) -> None:
        verdict = await self._heartbeat.run(self, briefing)
        if verdict in (Verdict.SUPERSEDED, Verdict.FROZEN) and await self._workflow.is_over():
            # It was terminated, or the cancellation got lost: nobody else will see to agent and room.
            verdict = Verdict.SESSION_OVER
            self.over.set()
        if verdict is Verdict.SUPERSEDED:
            # The successor will ask for the floor. Until then the caller has no other agent than this one.
            await self._heartbeat.wait_for_overdue_successor(self, briefing)
        await self._send_away(verdict)

    def confirm(self) -> None:
        """Temporal has accepted a heartbeat: the job may be heard again."""
        self._send(Confirmed())

    async def _send_away(self, reason: str) -> None:
        self._is_sent_away = True
        self._send(Leave(reason=reason))
        await asyncio.sleep(_LEAVE_SECONDS)
        logger.warning("the job of %s does not leave: killing it", self.generation.session_id)
        self.end_process()

    def end_process(self) -> None:
        """Kill a job process that has a link. From then on it can certainly not speak any more."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def end_for_standing_still(self) -> None:
        """Kill a process that shows no life."""
        if not self.stood_still:
            self.stood_still = True
            logger.warning("the job of %s stands still: killing it", self.generation)
            self.end_process()

    @property
    def failure(self) -> tuple[str, str]:
        """Type and message of the failure of a job that has ended without leaving."""
        if self.stood_still:
            return JOB_STOOD_STILL, "its job process stood still"
        return JOB_PROCESS_ENDED, "its job process ended"

    @property
    def outcome(self) -> AgentOutcome | None:
        """The outcome of a job that left by itself."""
        if self.left is None:
            return None
        return AgentOutcome(
            generation=self.generation.number,
            cause=self.left.reason,
            handed_over=self.left.handed_over,
            at_ms=self._gone_at_ms or None,
        )

    async def _report_end(self) -> None:
        if (outcome := self.outcome) is not None:
            await self._workflow.flush(_DELIVERY_SECONDS)
            await self._heartbeat.complete(outcome)
            return
        await self._workflow.flush(_LAST_WORDS_SECONDS)
        failure_type, message = self.failure
        was_open = await fail_token(
            self.client.workflow_service,
            self.client.namespace,
            self.generation.task_token,
            failure_type=failure_type,
            message=message,
            at_ms=self._gone_at_ms,
        )
        if was_open:
            logger.warning("the agent of %s failed: %s", self.generation, message)
        if not await self._workflow.flush(_DELIVERY_SECONDS):
            logger.warning("the last reports of %s could not be delivered", self.generation.session_id)
