"""How a call feels: the time to the greeting, to a reply, and to the bill; measured by a caller on its own clock."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

import httpx
from livekit import rtc

from benchmarks.report import Goal, Row
from stack.caller import Caller, SessionClient, Started

QUESTION = "What is the capital of France?"
_WARM_UP = 1


class Conversations:
    """Short calls, one after the other: hear the greeting, ask once, end when the reply begins."""

    def __init__(self, api: SessionClient) -> None:
        self._api = api
        self.greetings: list[float] = []
        self.replies: list[float] = []
        self.ends: list[float] = []
        self.notes: list[str] = []

    async def hold(self, count: int) -> None:
        """Hold `count` calls; one more before them is not counted."""
        for number in range(count + _WARM_UP):
            posted_at = monotonic()
            try:
                started = await self._api.start("benchmark")
            except httpx.HTTPError as error:
                self.notes.append(str(error))
                continue
            taken = await self._one(started, posted_at)
            if number >= _WARM_UP and taken is not None:
                greeting, reply, end = taken
                self.greetings.append(greeting)
                self.replies.append(reply)
                self.ends.append(end)

    def rows(self, bare_ends: Sequence[float]) -> list[Row]:
        """The three comparisons; where bare Temporal has nothing like it, without a peer."""
        failures = len(self.notes)
        return [
            Row(
                "first sound after the POST",
                self.greetings,
                goal=Goal(1.0, "p50"),
                failures=failures,
                notes=self.notes,
            ),
            Row("reply after a spoken question", self.replies, goal=Goal(1.2, "p50")),
            Row("answer to an end, in a call", self.ends, bare_ends, "signal to result", goal=Goal(0.3, "p50")),
        ]

    async def _one(self, started: Started, posted_at: float) -> tuple[float, float, float] | None:
        ended = False
        try:
            async with Caller(started.server_url, started.token) as caller:
                greeted_at = await caller.sound(after=0)
                await caller.hear()
                spoken = await caller.say(QUESTION)
                replied_at = await caller.sound(after=spoken.last_sound_at)
                asked_at = monotonic()
                ended = True
                await self._api.end(started.session_id)
                end = monotonic() - asked_at
            return greeted_at - posted_at, replied_at - spoken.last_sound_at, end
        except (TimeoutError, ConnectionError, rtc.ConnectError, httpx.HTTPError) as error:
            self.notes.append(f"{started.session_id}: {type(error).__name__} {error}")
            if not ended:
                await self._api.end(started.session_id)
            return None
