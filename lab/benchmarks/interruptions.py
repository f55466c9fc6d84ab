"""Measures how soon an interrupted agent stops: from the caller's first sound to the agent's last one heard."""

from __future__ import annotations

from lab.benchmarks.calls import benchmark_call, repeat
from lab.benchmarks.comparison import Goal, Row
from lab.rest_client import SessionClient

_LONG = " ".join(f"This is sentence number {number} of a long greeting." for number in ("one", "two", "three", "four"))
_REMARK = "Wait a moment, I have another question."
_INTO_IT_SECONDS = 1.5


async def interruptions(api: SessionClient, count: int) -> Row:
    """Hold `count` calls in which the caller interrupts the greeting."""

    async def interrupt() -> float:
        async with benchmark_call(api, openingLine=_LONG) as caller:
            began = await caller.sound(after=0)
            await caller.sound(after=began + _INTO_IT_SECONDS)
            spoken = await caller.say(_REMARK)
            return (await caller.hear()).last_sound_at - spoken.first_sound_at

    values, failures = await repeat(count, interrupt)
    return Row("silence of an interrupted agent", values, goal=Goal(0.4, "p50"), failures=failures)
