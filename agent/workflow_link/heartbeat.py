"""The agent's sign of life: heartbeats on its generation's task token, which also tell it when to go."""

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
"""How long an agent whose token is stale talks on without a successor in sight."""


class Verdict(StrEnum):
    """Why an agent must leave."""

    SESSION_ENDING = "the session is ending"
    SUPERSEDED = "another generation serves the session"
    FROZEN = "it was out of reach for so long that another generation serves the session"
    ALONE = "Temporal was out of reach for too long"


class Mute(Protocol):
    """Silences the agent's voice at once, or lets it be heard again."""

    def __call__(self, *, muted: bool) -> None: ...


class Heartbeat:
    """Beats a third of the timeout apart, and only while `in_room()`: an agent that lost its room must look lost.

    By task token, because the token is what fences: a stale one gets NOT_FOUND, where workflow and activity id would
    reach whatever generation runs now.
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
        """One heartbeat; the verdict when this agent is not wanted any more."""
        try:
            # Bounded here too: where connections are refused, an RPC outlasts its own timeout by far.
            async with asyncio.timeout(_RPC_TIMEOUT.total_seconds()):
                await self._handle.heartbeat(self._pulse, rpc_timeout=_RPC_TIMEOUT)
        except AsyncActivityCancelledError as error:
            # Somebody who pauses the activity in Temporal's UI raises this too: that ends no conversation.
            self._accepted_at = monotonic()
            paused = error.details is not None and not error.details.cancel_requested
            return None if paused else Verdict.SESSION_ENDING
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return Verdict.SUPERSEDED
            # Temporal is away: the conversation goes on, and Temporal decides when it is back.
            logger.warning("heartbeat not taken: %s", error.status.name)
            return None
        except TimeoutError:
            logger.warning("heartbeat not taken: no answer")
            return None
        self._accepted_at = monotonic()
        return None

    async def begin(self) -> Verdict | None:
        """Beat until Temporal has taken one; nothing may be heard of an agent before."""
        while True:
            verdict = await self.beat()
            if verdict is not None or self._accepted_at is not None:
                return verdict
            await asyncio.sleep(self._period)

    async def run(self, mute: Mute, *, alone_seconds: float) -> Verdict:
        """Beat until this agent is not wanted any more, or until no beat was taken for `alone_seconds`.

        A process that stood still for longer than the timeout, or lost its room, may have been replaced for all it can
        know, by one that could not ask it: it is mute until a beat of it is taken. One that runs in its room and does
        not reach Temporal talks on: whoever replaces it will ask it.
        """
        beat_at, muted = monotonic(), False
        while True:
            await self._pause()
            in_room, stood_still = self._in_room(), monotonic() - beat_at
            if not muted and (not in_room or stood_still > self._timeout + _RPC_TIMEOUT.total_seconds()):
                muted = True
                mute(muted=True)
                why = f"stood still for {stood_still:.0f} s" if in_room else "lost the room"
                logger.warning("%s: mute until a heartbeat is taken", why)
            beat_at, taken_before = monotonic(), self._accepted_at
            verdict = await self.beat() if in_room else None
            if verdict is not None:
                return Verdict.FROZEN if muted and verdict is Verdict.SUPERSEDED else verdict
            if muted and self._accepted_at != taken_before:
                muted = False
                mute(muted=False)
            if monotonic() - (self._accepted_at or 0) > alone_seconds:
                mute(muted=True)
                return Verdict.ALONE

    def wake(self) -> None:
        """Beat now: the room is there again."""
        self._woken.set()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._woken.wait(), self._period)
        self._woken.clear()

    async def wait_for_overdue_successor(self, *, alone_seconds: float) -> None:
        """After `SUPERSEDED`: beat on until Temporal could be reached for so long that a successor would have come.

        While Temporal is away it can send none, and the caller has no other agent: for `alone_seconds` at the most.
        """
        began = since = monotonic()
        while monotonic() - since < _SUCCESSOR_SECONDS and monotonic() - began < alone_seconds:
            await asyncio.sleep(self._period)
            if await self.beat() is not Verdict.SUPERSEDED:
                since = monotonic()

    async def complete(self, outcome: AgentOutcome) -> None:
        """Report that this agent has left; harmless when its generation is already over."""
        try:
            await self._handle.complete(outcome, rpc_timeout=_RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                logger.warning("could not report the agent's end, its heartbeat will time out: %s", error.status.name)
