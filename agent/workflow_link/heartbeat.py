"""Heartbeats on a generation's task token. Temporal's answers decide when the agent must leave."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from time import monotonic
from typing import Protocol

from temporalio.client import AsyncActivityCancelledError, AsyncActivityHandle, Client
from temporalio.service import RPCError, RPCStatusCode

from contracts.agent import AgentOutcome, AgentPulse, Briefing

logger = logging.getLogger("agent.workflow_link.heartbeat")

_PERIOD_OF_TIMEOUT = 0.4
"""Each heartbeat costs an action of Temporal; one that is late or lost has the rest of the time to be repeated."""
_REPEAT_OF_TIMEOUT = 1 / 12
_RPC_TIMEOUT = timedelta(seconds=2)
_SUCCESSOR_SECONDS = 30.0
"""An agent with a stale token leaves after so long without a successor."""


class Verdict(StrEnum):
    """A reason for the agent to leave."""

    SESSION_ENDING = "the session is ending"
    SESSION_OVER = "the session is over"
    SUPERSEDED = "another generation serves the session"
    FROZEN = "it was out of reach for so long that another generation serves the session"
    ALONE = "Temporal was out of reach for too long"


class Beating(Protocol):
    """The job for which a host sends heartbeats. An agent outside its room must time out."""

    pid: int
    muted: bool
    """It was out of reach for a while: it stays silent until it is confirmed."""

    @property
    def in_room(self) -> bool:
        """True while the agent is connected to its room."""

    def confirm(self) -> None:
        """Temporal has accepted a heartbeat: this agent still serves."""


class Heartbeat:
    """Sends heartbeats for one job.

    Uses the task token, which fences generations: a stale one gets NOT_FOUND, where workflow and activity id would
    reach the current generation.
    """

    def __init__(self, client: Client, task_token: bytes, identity: str) -> None:
        self._handle: AsyncActivityHandle = client.get_async_activity_handle(task_token=task_token)
        self._identity = identity
        self._accepted_at = 0.0
        self._was_accepted = True
        self._woken = asyncio.Event()

    async def beat(self, pid: int) -> Verdict | None:
        """Send one heartbeat; return a verdict if the agent must leave."""
        self._was_accepted = False
        try:
            # A refused connection makes an RPC outlast its own timeout.
            async with asyncio.timeout(_RPC_TIMEOUT.total_seconds()):
                pulse = AgentPulse(identity=self._identity, pid=pid, at_ms=time.time_ns() // 1_000_000)
                await self._handle.heartbeat(pulse, rpc_timeout=_RPC_TIMEOUT)
        except AsyncActivityCancelledError as error:
            # Pausing the activity in Temporal's UI raises this too; the conversation goes on.
            if error.details is None or error.details.cancel_requested:
                return Verdict.SESSION_ENDING
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Verdict.SUPERSEDED
            # An outage: the conversation goes on, and Temporal decides once it is back.
            logger.warning("heartbeat not accepted: %s", error.status.name)
            return None
        except TimeoutError:
            logger.warning("heartbeat not accepted: no answer")
            return None
        self._was_accepted, self._accepted_at = True, monotonic()
        return None

    async def run(self, job: Beating, briefing: Briefing) -> Verdict:
        """Send heartbeats until the agent must leave, or until none was accepted for `alone_seconds` of its briefing.

        During an outage of Temporal the agent keeps talking, since a successor would ask it for the floor.
        """
        timeout = briefing.heartbeat_timeout_seconds
        self._accepted_at = monotonic()
        while True:
            if job.in_room:
                was_muted = job.muted
                if (verdict := await self.beat(job.pid)) is not None:
                    return Verdict.FROZEN if was_muted and verdict is Verdict.SUPERSEDED else verdict
                if was_muted and self._was_accepted:
                    job.confirm()
            if monotonic() - self._accepted_at > briefing.alone_seconds:
                return Verdict.ALONE
            pause = timeout * (_PERIOD_OF_TIMEOUT if self._was_accepted else _REPEAT_OF_TIMEOUT)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), pause)
            self._woken.clear()

    def wake(self) -> None:
        """Send the next heartbeat now: the job waits to be confirmed."""
        self._woken.set()

    async def wait_for_overdue_successor(self, job: Beating, briefing: Briefing) -> None:
        """After `SUPERSEDED`: wait until Temporal was reachable for so long that a successor should have arrived.

        An outage of Temporal restarts the wait, since no successor can be launched then. At most `alone_seconds`.
        """
        started = reachable_since = monotonic()
        while monotonic() - reachable_since < _SUCCESSOR_SECONDS and monotonic() - started < briefing.alone_seconds:
            await asyncio.sleep(briefing.heartbeat_timeout_seconds * _PERIOD_OF_TIMEOUT)
            if await self.beat(job.pid) is not Verdict.SUPERSEDED:
                reachable_since = monotonic()

    async def complete(self, outcome: AgentOutcome) -> None:
        """Complete the generation's activity; has no effect on one that is already closed."""
        try:
            await self._handle.complete(outcome, rpc_timeout=_RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                logger.warning("could not report the departure, the heartbeat will time out: %s", error.status.name)
