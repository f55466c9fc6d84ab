"""Measures the time to the greeting, to a reply, and to the bill, by the caller's clock.

The breakdown of a reply is the agent's own measure, which it reports with the turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import httpx

from contracts.turns import LatencyBreakdown
from lab.benchmarks.calls import CALL_ERRORS, QUESTION
from lab.benchmarks.comparison import Goal, Row
from lab.caller import Caller
from lab.chaos.world import World
from lab.statistics import known
from workflows.voice_session import VoiceSession

_WARM_UP = 1


@dataclass(frozen=True)
class _Call:
    greeting: float
    reply: float
    end: float
    latency: LatencyBreakdown | None


class Conversations:
    """Short calls, one after the other: hear the greeting, ask once, hear the reply, end."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: list[_Call] = []
        self._failures: list[str] = []

    @property
    def greetings(self) -> list[float]:
        """Seconds from each POST to the first sound."""
        return [call.greeting for call in self._calls]

    @property
    def replies(self) -> list[float]:
        """Seconds from the end of each question to the reply."""
        return [call.reply for call in self._calls]

    async def hold(self, count: int) -> None:
        """Hold `count` calls after one that does not count."""
        for number in range(count + _WARM_UP):
            try:
                call = await self._hold_one()
            except CALL_ERRORS as error:
                self._failures.append(f"{type(error).__name__} {error}")
            else:
                self._calls += [call] if number >= _WARM_UP else []

    def rows(self, bare_ends: Sequence[float]) -> list[Row]:
        """The comparisons; without a peer where bare Temporal has no equivalent."""
        ends = [call.end for call in self._calls]
        return [
            Row("first sound after the POST", self.greetings, goal=Goal(1.0, "p50"), failures=self._failures),
            Row("reply after a spoken question", self.replies, goal=Goal(0.9, "p50")),
            *self._breakdown(),
            Row("answer to an end, in a call", ends, bare_ends, "signal to result", goal=Goal(0.3, "p50")),
        ]

    def _breakdown(self) -> list[Row]:
        """The latency breakdown of a reply; lab/benchmarks/README.md explains it."""
        latencies = [call.latency for call in self._calls if call.latency is not None]
        parts = {
            "- the agent's share, by its own clock": [latency.total for latency in latencies],
            "- end of turn": known(latency.end_of_turn for latency in latencies),
            "- - of it: transcription": known(latency.transcription for latency in latencies),
            "- LLM: first token": known(latency.first_token for latency in latencies),
            "- LLM: first sentence": known(latency.first_sentence for latency in latencies),
            "- TTS: first audio": known(latency.first_audio for latency in latencies),
        }
        return [Row(name, values) for name, values in parts.items()]

    async def _hold_one(self) -> _Call:
        rest = self._world.rest
        posted_at = monotonic()
        started = await rest.start("benchmark")
        try:
            async with Caller(started.server_url, started.token) as caller:
                greeted_at = await caller.sound(after=0)
                await caller.hear()
                spoken = await caller.say(QUESTION)
                replied_at = await caller.sound(after=spoken.last_sound_at)
                await caller.hear()  # an unfinished reply would not be in the transcript yet
                turns = await self._world.session(started.session_id).query(VoiceSession.transcript)
                latency = next((turn.latency for turn in turns if turn.latency is not None), None)
                asked_at = monotonic()
                await rest.end(started.session_id)
                end = monotonic() - asked_at
        except CALL_ERRORS:
            with suppress(httpx.HTTPError):
                await rest.end(started.session_id)
            raise
        return _Call(greeted_at - posted_at, replied_at - spoken.last_sound_at, end, latency)
