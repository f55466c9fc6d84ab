"""Measures systems under load, step by step, each step on every system before the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

from errors import SetupError
from lab.children import busy_processes
from lab.load.figures import Kind, Load, Step, fits, next_size, p95
from lab.load.lines import System
from lab.load.spoken_call import Script, SpokenCall, hold
from lab.planner import arrivals
from lab.statistics import percentile

_AS_IDLE = 1.25
"""A lone caller meets the idle system again if both figures are within this many times the idle p95."""
_BACK_PAUSE_SECONDS = 0.5
_GHOSTS_AT_ONCE = 20
_BEFORE_HOGS_SECONDS = 6.0
_CALLS_BESIDE_HOGS = 2
_DELAY_CHECK_SECONDS = 0.05
_Calls = tuple[list[SpokenCall], list[SpokenCall]]
"""The calls of a step, and calls beside them that are billed too but do not count."""


@dataclass(frozen=True)
class Options:
    """What to offer."""

    idle_calls: int
    questions: int
    window: float
    factors: Sequence[float]
    capacity: int | None
    ramp_limit: int
    ghosts: int
    hogs: Sequence[int]
    hog_seconds: float
    back_seconds: float = 90
    """How long to look for the idle system after a step."""
    hog_environment: dict[str, str] = field(default_factory=dict, repr=False)


class Measurement:
    """Takes the steps of `load`. `finished` is called after each."""

    def __init__(
        self,
        systems: Sequence[System],
        options: Options,
        load: Load,
        progress: Callable[[str], object],
        finished: Callable[[Step], object],
    ) -> None:
        self._systems = systems
        self._options = options
        self._load = load
        self._progress = progress
        self._finished = finished
        self._script = Script(options.questions)

    async def run(self) -> None:
        """Take all steps. Raises `SetupError` if not even a lone caller is answered."""
        options = self._options
        for system in self._systems:
            self._progress(f"{system.name}: lone callers")
            await hold(system, Script(1), monotonic())  # does not count
            idle = await self._step("idle", system, options.idle_calls, self._one_by_one(system))
            if not idle.replies:
                raise SetupError(f"{system.name}: no lone caller was answered; is the machine idle?")
        for system in self._systems:
            self._load.capacities[system.name] = options.capacity or await self._ramp(system)
        ours = self._systems[0].name
        carried = self._load.capacities[ours]
        rate = carried / self._load.idle(ours).call_seconds
        for factor in options.factors:
            for system in self._systems:
                self._progress(f"{system.name}: {factor:g} times of {carried} calls at once")
                await self._step("offered", system, factor, self._offer(system, factor * rate, options.window))
        for system in self._systems if options.ghosts else ():
            self._progress(f"{system.name}: {options.ghosts} calls without a caller, then one with")
            await self._step("ghosts", system, options.ghosts, self._ghosts(system))
        for hogs in options.hogs if options.hog_seconds else ():
            for system in self._systems:
                self._progress(f"{system.name}: two calls beside {hogs} processes that take all they get")
                await self._step("hogs", system, hogs, self._beside_hogs(system, hogs))

    async def _ramp(self, system: System) -> int:
        """The greatest number of calls at once at normal latency."""
        carried, failed = 1, None
        idle = self._load.idle(system.name)
        while (size := next_size(carried, failed, self._options.ramp_limit)) is not None:
            self._progress(f"{system.name}: are {size} calls at once too many?")
            step = await self._step(
                "ramp", system, size, self._offer(system, size / idle.call_seconds, 2 * idle.call_seconds)
            )
            carried, failed = (size, failed) if fits(step, idle) else (carried, size)
        return carried

    async def _step(
        self,
        kind: Kind,
        system: System,
        size: float,
        calls: Coroutine[Any, Any, _Calls],
    ) -> Step:
        """Take one step: its calls, which count, and others. Then wait until the system is as if idle, and settle."""
        delays: list[float] = []
        watching = asyncio.create_task(_watch_delay(delays))
        try:
            counted, others = await calls
        finally:
            watching.cancel()
        seconds = max((call.over_at for call in counted), default=0.0)
        step = Step(kind, system.name, size, counted, seconds, percentile(delays or [0.0], 0.99))
        if kind in ("offered", "ghosts", "hogs"):
            back_after, probes = await self._back_to_idle(system)
            step, others = replace(step, back_after=back_after), [*others, *probes]
        step = replace(step, wrong=await system.settle([*counted, *others]))
        self._load.steps.append(step)
        self._finished(step)
        return step

    async def _one_by_one(self, system: System) -> _Calls:
        began = monotonic()
        return [await hold(system, self._script, began) for _ in range(self._options.idle_calls)], []

    async def _offer(self, system: System, a_second: float, window: float) -> _Calls:
        """Callers arrive at a fixed rate, however long those before them have to wait."""
        began = monotonic()

        async def arrive(at: float) -> SpokenCall:
            await asyncio.sleep(at - (monotonic() - began))
            return await hold(system, self._script, began)

        return await asyncio.gather(*(arrive(at) for at in arrivals(a_second, window))), []

    async def _ghosts(self, system: System) -> _Calls:
        at_once = asyncio.Semaphore(_GHOSTS_AT_ONCE)

        async def haunt() -> SpokenCall:
            async with at_once:
                return await system.ghost()

        ghosts = await asyncio.gather(*(haunt() for _ in range(self._options.ghosts)))
        return [await hold(system, Script(1), monotonic())], ghosts

    async def _beside_hogs(self, system: System, hogs: int) -> _Calls:
        options = self._options
        script = Script(1, _BEFORE_HOGS_SECONDS + options.hog_seconds, stays=True)
        began = monotonic()
        calls = [asyncio.create_task(hold(system, script, began)) for _ in range(_CALLS_BESIDE_HOGS)]
        await asyncio.sleep(_BEFORE_HOGS_SECONDS)
        with busy_processes(hogs, options.hog_seconds, options.hog_environment):
            return await asyncio.gather(*calls), []

    async def _back_to_idle(self, system: System) -> tuple[float | None, list[SpokenCall]]:
        """Call alone, again and again; how long after now a call began that met what the idle system offers."""
        over_at, calls = monotonic(), list[SpokenCall]()
        while monotonic() - over_at < self._options.back_seconds:
            calls.append(call := await hold(system, Script(1), over_at))
            if self._is_as_idle(system, call):
                return call.arrived_at, calls
            await asyncio.sleep(_BACK_PAUSE_SECONDS)
        return None, calls

    def _is_as_idle(self, system: System, call: SpokenCall) -> bool:
        idle = self._load.idle(system.name)
        first_sound, reply = p95(idle.first_sounds), p95(idle.replies)
        if None in (first_sound, reply) or call.first_sound is None or not call.replies:
            return False
        return call.first_sound <= _AS_IDLE * (first_sound or 0) and call.replies[0] <= _AS_IDLE * (reply or 0)


async def _watch_delay(delays: list[float]) -> None:
    """Note how late this process wakes, until cancelled: what it measures is that uncertain."""
    with suppress(asyncio.CancelledError):
        while True:
            due_at = monotonic() + _DELAY_CHECK_SECONDS
            await asyncio.sleep(_DELAY_CHECK_SECONDS)
            delays.append(monotonic() - due_at)
