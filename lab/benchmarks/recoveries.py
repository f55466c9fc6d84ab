"""Measures the silence after an agent failure, and the delay of a reply during a drain, with two AgentServers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from lab.benchmarks.calls import QUESTION, benchmark_call, repeat
from lab.benchmarks.comparison import Goal, Row
from lab.caller import Caller
from lab.chaos.agent_faults import AgentFaults
from lab.chaos.world import World

_FREEZE_SECONDS = 6.0


class Recoveries:
    """Calls with a fault of the agent in quiet: from the fault to the first sound of the next agent."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._faults = AgentFaults(world)

    async def rows(self, count: int, greetings: list[float], replies: list[float]) -> list[Row]:
        """`count` faults of each kind, beside this run's first sounds and undisturbed replies."""
        faults = (
            ("job process killed", self._faults.kill_job, Goal(0.8, "p50")),
            ("AgentServer killed, with its jobs", self._faults.kill_agent_server, Goal(0.8, "p50")),
            ("agent frozen", partial(self._faults.freeze_job, seconds=_FREEZE_SECONDS), Goal(2.5, "p50")),
        )
        rows = []
        for name, fault, goal in faults:
            values, failures = await repeat(count, partial(self._in_a_call, partial(_recovery, fault)))
            rows.append(Row(name, values, greetings, "first sound", goal=goal, failures=failures))
        values, failures = await repeat(count, partial(self._in_a_call, self._reply_during_drain))
        # The handover adds silence to a reply.
        goal, name = Goal(0.3, "added"), "reply while the server drains"
        return [*rows, Row(name, values, replies, "reply", goal=goal, failures=failures)]

    async def _in_a_call(self, measure: Callable[[Caller], Awaitable[float]]) -> float:
        try:
            async with benchmark_call(self._world.rest, openingLine="Hello there.") as caller:
                await caller.hear()
                await caller.silence(1.5)
                return await measure(caller)
        finally:
            await self._faults.repaired()

    async def _reply_during_drain(self, caller: Caller) -> float:
        await self._faults.drain(caller.room.name)
        spoken = await caller.say(QUESTION)
        return await caller.sound(after=spoken.last_sound_at) - spoken.last_sound_at


async def _recovery(fault: Callable[[str], Awaitable[float]], caller: Caller) -> float:
    at = await fault(caller.room.name)
    return await caller.sound(after=at) - at
