"""Measures how soon an interrupted agent stops: from the caller's first sound to the agent's last one heard."""

from __future__ import annotations

from lab.benchmarks.call_latency import CALL_ERRORS
from lab.benchmarks.comparison import Goal, Row
from lab.caller import Caller
from lab.rest_client import SessionClient

_LONG = " ".join(f"This is sentence number {number} of a long greeting." for number in ("one", "two", "three", "four"))
_REMARK = "Wait a moment, I have another question."
_INTO_IT_SECONDS = 1.5


async def interruptions(api: SessionClient, count: int) -> Row:
    """Hold `count` calls in which the caller interrupts the greeting."""
    values: list[float] = []
    failures: list[str] = []
    for _ in range(count):
        started = await api.start("benchmark", openingLine=_LONG)
        try:
            async with Caller(started.server_url, started.token) as caller:
                began = await caller.sound(after=0)
                await caller.sound(after=began + _INTO_IT_SECONDS)
                spoken = await caller.say(_REMARK)
                values.append((await caller.hear()).last_sound_at - spoken.first_sound_at)
        except CALL_ERRORS as error:
            failures.append(f"{started.session_id}: {type(error).__name__} {error}")
        finally:
            await api.end(started.session_id)
    return Row("silence of an interrupted agent", values, goal=Goal(0.4, "p50"), failures=failures)
