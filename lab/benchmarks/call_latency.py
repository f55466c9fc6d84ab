"""Measures the time to the greeting, to a reply, and to the bill, by the caller's clock.

The breakdown of a reply is the agent's own measure, which it reports with the turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from time import monotonic

import httpx
from livekit import rtc
from temporalio.client import Client, WorkflowHandle

from contracts.session import SessionSummary
from contracts.turns import LatencyBreakdown
from lab.benchmarks.comparison import Goal, Row
from lab.caller import Caller
from lab.rest_client import SessionClient, Started
from workflows.voice_session import VoiceSession

QUESTION = "What is the capital of France?"
CALL_ERRORS = (TimeoutError, ConnectionError, rtc.ConnectError, httpx.HTTPError)
"""A call that fails with one of these counts as a failure, and the benchmark goes on."""
_WARM_UP = 1


class Conversations:
    """Short calls, one after the other: hear the greeting, ask once, hear the reply, end."""

    def __init__(self, api: SessionClient, temporal: Client) -> None:
        self._api = api
        self._temporal = temporal
        self.greetings: list[float] = []
        self.replies: list[float] = []
        self.latencies: list[LatencyBreakdown] = []
        self.ends: list[float] = []
        self.failures: list[str] = []

    async def hold(self, count: int) -> None:
        """Hold `count` calls after one that does not count."""
        for number in range(count + _WARM_UP):
            posted_at = monotonic()
            try:
                started = await self._api.start("benchmark")
            except httpx.HTTPError as error:
                self.failures.append(str(error))
                continue
            taken = await self._one(started, posted_at)
            if number >= _WARM_UP and taken is not None:
                greeting, reply, end, latency = taken
                self.greetings.append(greeting)
                self.replies.append(reply)
                self.ends.append(end)
                if latency is not None:
                    self.latencies.append(latency)

    def rows(self, bare_ends: Sequence[float]) -> list[Row]:
        """The comparisons; without a peer where bare Temporal has no equivalent."""
        return [
            Row("first sound after the POST", self.greetings, goal=Goal(1.0, "p50"), failures=self.failures),
            Row("reply after a spoken question", self.replies, goal=Goal(0.9, "p50")),
            *self._breakdown(),
            Row("answer to an end, in a call", self.ends, bare_ends, "signal to result", goal=Goal(0.3, "p50")),
        ]

    def _breakdown(self) -> list[Row]:
        """The latency breakdown of a reply; lab/benchmarks/README.md explains it."""
        parts = {
            "- the agent's share, by its own clock": [latency.total for latency in self.latencies],
            "- end of turn": _known(latency.end_of_turn for latency in self.latencies),
            "- - of it: transcription": _known(latency.transcription for latency in self.latencies),
            "- LLM: first token": _known(latency.first_token for latency in self.latencies),
            "- LLM: first sentence": _known(latency.first_sentence for latency in self.latencies),
            "- TTS: first audio": _known(latency.first_audio for latency in self.latencies),
        }
        return [Row(name, values) for name, values in parts.items()]

    async def _latency(self, session_id: str) -> LatencyBreakdown | None:
        handle: WorkflowHandle[VoiceSession, SessionSummary] = self._temporal.get_workflow_handle_for(
            VoiceSession.run, session_id
        )
        turns = await handle.query(VoiceSession.transcript)
        return next((turn.latency for turn in turns if turn.latency is not None), None)

    async def _one(
        self, started: Started, posted_at: float
    ) -> tuple[float, float, float, LatencyBreakdown | None] | None:
        ended = False
        try:
            async with Caller(started.server_url, started.token) as caller:
                greeted_at = await caller.sound(after=0)
                await caller.hear()
                spoken = await caller.say(QUESTION)
                replied_at = await caller.sound(after=spoken.last_sound_at)
                await caller.hear()  # an unfinished reply would not be in the transcript yet
                latency = await self._latency(started.session_id)
                asked_at = monotonic()
                ended = True
                await self._api.end(started.session_id)
                end = monotonic() - asked_at
            return greeted_at - posted_at, replied_at - spoken.last_sound_at, end, latency
        except CALL_ERRORS as error:
            self.failures.append(f"{started.session_id}: {type(error).__name__} {error}")
            if not ended:
                await self._api.end(started.session_id)
            return None


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
