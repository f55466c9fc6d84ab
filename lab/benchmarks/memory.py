"""Measures the memory of agent processes, before a call and in one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import psutil

from lab.benchmarks.calls import QUESTION, benchmark_call
from lab.benchmarks.comparison import Row
from lab.chaos.world import World

_MEGABYTE = 1_000_000


async def memory(world: World, calls: int) -> list[Row]:
    """Measure warm processes, talking processes, and whole idle AgentServers, in MB.

    Memory is proportional (PSS, from `smaps_rollup`): shared pages, such as code and mapped models, are divided among
    their processes, so the figures add up.
    """
    warm = [size for part in world.agent_parts for size in _megabytes(_jobs(world, part))]
    whole = [sum(_megabytes(_everyone(world, part))) for part in world.agent_parts]
    talking = [await _in_a_call(world) for _ in range(calls)]
    return [
        Row("memory of a warm agent process", warm, unit="MB"),
        Row("memory of a talking agent process", talking, unit="MB"),
        Row("memory of an idle AgentServer", whole, unit="MB"),
    ]


async def _in_a_call(world: World) -> float:
    async with benchmark_call(world.rest, openingLine="Hello there.") as caller:
        await caller.hear()
        spoken = await caller.say(QUESTION)
        await caller.sound(after=spoken.last_sound_at)
        return sum(_megabytes([(await world.serving(caller.room.name))[1]]))


def _everyone(world: World, part: str) -> list[psutil.Process]:
    return [psutil.Process(world.stack.pid(part)), *world.children(part)]


def _jobs(world: World, part: str) -> list[psutil.Process]:
    """The job processes: children of the fork server, which is a child of the AgentServer."""
    server = world.stack.pid(part)
    return [process for process in world.children(part) if process.ppid() != server]


def _megabytes(processes: Sequence[psutil.Process]) -> list[float]:
    sizes = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # an idle one may be replaced
            sizes.append(process.memory_full_info().pss / _MEGABYTE)
    return sizes
