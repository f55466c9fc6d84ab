"""Heartbeats on the generation's task token. Temporal's answers decide when the agent must leave."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from time import monotonic
from typing import Protocol

from temporalio.client import AsyncActivityCancelledError, AsyncActivityHandle, Client
from temporalio.service import RPCError, RPCStatusCode

from contracts.agent import AgentOutcome, AgentPulse

logger = logging.getLogger("agent.workflow_link.heartbeat")

_BEATS_PER_TIMEOUT = 3
_RPC_TIMEOUT = timedelta(seconds=2)
_SUCCESSOR_SECONDS = 30.0
"""An agent with a stale token leaves after so long without a successor."""


class Verdict(StrEnum):
    """A reason for the agent to leave."""

    SESSION_ENDING = "the session is ending"
    SUPERSEDED = "another generation serves the session"
    FROZEN = "it was out of reach for so long that another generation serves the session"
    ALONE = "Temporal was out of reach for too long"


class Mute(Protocol):
    """Mutes or unmutes the agent's voice at once."""

    def __call__(self, *, muted: bool) -> None: ...


class Heartbeat:
    """Sends a heartbeat every third of the timeout while `in_room()`: an agent outside its room must time out.

    Uses the task token, which fences generations: a stale one gets NOT_FOUND, where workflow and activity id would
    reach the current generation.
    """

    def __init__(
        self, client: Client, task_token: bytes, *, identity: str, timeout_seconds: float, in_room: Callable[[], bool]
    ) -> None:
        self._handle: AsyncActivityHandle = client.get_async_activity_handle(task_token=task_token)
        self._pulse = AgentPulse(identity=identity, pid=os.getpid())
        self._timeout = timeout_seconds
        self._period = timeout_seconds / _BEATS_PER_TIMEOUT
        self._in_room = in_room
        self._accepted_at: float | None = None
        self._woken = asyncio.Event()

    async def beat(self) -> Verdict | None:
        """Send one heartbeat; return a verdict if the agent must leave."""
        try:
            # A refused connection makes an RPC outlast its own timeout.
            async with asyncio.timeout(_RPC_TIMEOUT.total_seconds()):
                await self._handle.heartbeat(self._pulse, rpc_timeout=_RPC_TIMEOUT)
        except AsyncActivityCancelledError as error:
            # Pausing the activity in Temporal's UI raises this too; the conversation goes on.
            self._accepted_at = monotonic()
            paused = error.details is not None and not error.details.cancel_requested
            return None if paused else Verdict.SESSION_ENDING
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Verdict.SUPERSEDED
            # An outage: the conversation goes on, and Temporal decides once it is back.
            logger.warning("heartbeat not accepted: %s", error.status.name)
            return None
        except TimeoutError:
            logger.warning("heartbeat not accepted: no answer")
            return None
        self._accepted_at = monotonic()
        return None

    async def start(self) -> Verdict | None:
        """Send heartbeats until Temporal accepts one or the agent must leave. It may not speak before."""
        while True:
            verdict = await self.beat()
            if verdict is not None or self._accepted_at is not None:
                return verdict
            await asyncio.sleep(self._period)

    async def run(self, mute: Mute, *, alone_seconds: float) -> Verdict:
        """Send heartbeats until the agent must leave, or until none was accepted for `alone_seconds`.

        A process that was frozen for longer than the timeout, or left its room, may have been replaced without being
        asked: it is muted until a heartbeat is accepted. During an outage of Temporal the agent keeps talking, since a
        successor would ask it for the floor.
        """
        beat_at, muted = monotonic(), False
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._period)
            self._woken.clear()
            in_room, frozen_seconds = self._in_room(), monotonic() - beat_at
            if not muted and (not in_room or frozen_seconds > self._timeout + _RPC_TIMEOUT.total_seconds()):
                muted = True
                mute(muted=True)
                cause = f"frozen for {frozen_seconds:.0f} s" if in_room else "outside the room"
                logger.warning("%s: muted until a heartbeat is accepted", cause)
            beat_at, accepted_before = monotonic(), self._accepted_at
            verdict = await self.beat() if in_room else None
            if verdict is not None:
                return Verdict.FROZEN if muted and verdict is Verdict.SUPERSEDED else verdict
            if muted and self._accepted_at != accepted_before:
                muted = False
                mute(muted=False)
            if monotonic() - (self._accepted_at or 0) > alone_seconds:
                mute(muted=True)
                return Verdict.ALONE

    def wake(self) -> None:
        """Send the next heartbeat now: the room is connected again."""
        self._woken.set()

    async def wait_for_overdue_successor(self, *, alone_seconds: float) -> None:
        """After `SUPERSEDED`: wait until Temporal was reachable for so long that a successor should have arrived.

        An outage of Temporal restarts the wait, since no successor can be launched then. At most `alone_seconds`.
        """
        started = reachable_since = monotonic()
        while monotonic() - reachable_since < _SUCCESSOR_SECONDS and monotonic() - started < alone_seconds:
            await asyncio.sleep(self._period)
            if await self.beat() is not Verdict.SUPERSEDED:
                reachable_since = monotonic()

    async def complete(self, outcome: AgentOutcome) -> None:
        """Complete the generation's activity; has no effect on one that is already closed."""
        try:
            await self._handle.complete(outcome, rpc_timeout=_RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                logger.warning("could not report the departure, the heartbeat will time out: %s", error.status.name)
