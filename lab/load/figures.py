"""The figures of a load test. Pure."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from lab.load.spoken_call import SpokenCall
from lab.statistics import known, median, percentile

Kind = Literal["idle", "ramp", "offered", "ghosts", "hogs"]
NORMAL = 1.5
"""Replies take a normal time while their p95 is within this many times that of a lone caller's."""


@dataclass(frozen=True)
class Step:
    """The calls of one step on one system.

    `size` is what the step varies: callers at once, times the capacity, ghosts, or hogs. `back_after` is how many
    seconds after the last call a lone caller met what the idle system offers, None if that was not seen.
    `own_delay` is how late the measuring process itself woke, p99.
    """

    kind: Kind
    system: str
    size: float
    calls: Sequence[SpokenCall]
    seconds: float
    own_delay: float = 0
    back_after: float | None = None
    wrong: Sequence[str] = field(default=())

    @property
    def refused(self) -> int:
        """Callers who were told to come back later."""
        return sum(call.was_refused for call in self.calls)

    @property
    def refusals(self) -> list[float]:
        """Seconds until they learnt it."""
        return known(call.answered_after for call in self.calls if call.was_refused)

    @property
    def starts(self) -> list[float]:
        """Seconds until the start of each admitted caller was answered."""
        return known(call.answered_after for call in self._admitted)

    @property
    def first_sounds(self) -> list[float]:
        """Seconds from the POST to the first sound of all who heard one."""
        return known(call.first_sound for call in self.calls)

    @property
    def replies(self) -> list[float]:
        """Seconds until each answer."""
        return [reply for call in self.calls for reply in call.replies]

    @property
    def asked(self) -> int:
        """Questions of admitted callers, also those that they had no chance to ask."""
        return sum(call.asked for call in self._admitted)

    @property
    def goodput(self) -> float:
        """Answered questions of admitted callers a minute."""
        return 60 * len(self.replies) / self.seconds if self.seconds else 0

    @property
    def agents_lost(self) -> int:
        """Agents that were replaced: nothing is killed here, so each was declared dead or failed."""
        return sum(call.generations - 1 for call in self.calls if call.generations)

    @property
    def billed_unheard(self) -> int:
        """Callers who heard nothing, and are billed nevertheless."""
        return sum(call.is_billed_unheard for call in self.calls)

    @property
    def errors(self) -> Counter[str]:
        """What went wrong for callers, by kind."""
        return Counter(call.error.splitlines()[0][:80] for call in self.calls if call.error)

    @property
    def call_seconds(self) -> float:
        """The mean length of a call."""
        lengths = [call.over_at - call.arrived_at for call in self.calls]
        return sum(lengths) / len(lengths) if lengths else 0

    @property
    def all_answered(self) -> bool:
        """Every caller was admitted, and every question answered."""
        return bool(self.calls) and not self.refused and not self.errors and len(self.replies) == self.asked

    @property
    def _admitted(self) -> list[SpokenCall]:
        return [call for call in self.calls if not call.was_refused]

    def as_json(self) -> dict[str, Any]:
        """All figures, and all calls."""
        return {
            "kind": self.kind,
            "system": self.system,
            "size": self.size,
            "seconds": round(self.seconds, 3),
            "offered": len(self.calls),
            "refused": self.refused,
            "refusal_p95": p95(self.refusals),
            "start_p95": p95(self.starts),
            "heard": len(self.first_sounds),
            "first_sound_p50": median(self.first_sounds),
            "first_sound_p95": p95(self.first_sounds),
            "reply_p50": median(self.replies),
            "reply_p95": p95(self.replies),
            "answered": len(self.replies),
            "asked": self.asked,
            "goodput_a_minute": self.goodput,
            "agents_lost": self.agents_lost,
            "billed_unheard": self.billed_unheard,
            "back_to_idle_seconds": self.back_after,
            "own_delay_p99": self.own_delay,
            "errors": dict(self.errors),
            "wrong": list(self.wrong),
            "calls": [dataclasses.asdict(call) for call in self.calls],
        }


@dataclass(frozen=True)
class Load:
    """A run, as far as it has come."""

    command: str
    date: datetime
    providers: str
    window: float
    questions: int
    capacities: dict[str, int] = field(default_factory=dict)
    """Calls at once of normal latency; as told, or as the ramp found it."""
    steps: list[Step] = field(default_factory=list)

    def of(self, *kinds: Kind) -> list[Step]:
        """The steps of these kinds."""
        return [step for step in self.steps if step.kind in kinds]

    def idle(self, system: str) -> Step:
        """What a lone caller met on the idle system."""
        return next(step for step in self.of("idle") if step.system == system)

    def slowdown(self, step: Step) -> float | None:
        """The p95 of a step's replies over that of the idle system's."""
        return ratio(p95(step.replies), p95(self.idle(step.system).replies))

    def pairs(self, *kinds: Kind) -> Iterator[tuple[Step, Step]]:
        """Each step of these kinds with the other system's of the same size."""
        ours, *others = self.systems
        for step in self.of(*kinds):
            for other in self.of(step.kind):
                if step.system == ours and other.system in others and other.size == step.size:
                    yield step, other

    @property
    def systems(self) -> list[str]:
        """The measured systems, ours first."""
        return [step.system for step in self.of("idle")]

    @property
    def wrong(self) -> list[str]:
        """Wrong bills, and calls that did not end."""
        return [text for step in self.steps for text in step.wrong]


def fits(step: Step, idle: Step) -> bool:
    """True if the machine carries this many calls at normal latency."""
    slowdown = ratio(p95(step.replies), p95(idle.replies))
    return step.all_answered and slowdown is not None and slowdown <= NORMAL


def next_size(carried: int, failed: int | None, limit: int) -> int | None:
    """The number of calls to try next: doubled until one fails, then halfway; None once the capacity is known."""
    if failed is None:
        return min(2 * carried, limit) if carried < limit else None
    between = (carried + failed) // 2
    return between if between > carried and failed - carried > max(1, carried // 8) else None


def p95(values: Sequence[float]) -> float | None:
    """The 95th percentile; None if there are no values."""
    return percentile(values, 0.95) if values else None


def ratio(value: float | None, base: float | None) -> float | None:
    """`value` over `base`; None if either is missing."""
    return value / base if value is not None and base else None
