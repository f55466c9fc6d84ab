"""Which faults strike in which call at which moment: all of it drawn from one seed. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lab.chaos.numbers import SAYABLE


class Kind(StrEnum):
    """What is done to the system."""

    JOB = "kill -9 of the job process"
    AGENT_SERVER = "kill -9 of the AgentServer and its jobs"
    WORKER = "kill -9 of the worker"
    API = "kill -9 of the API"
    LIVEKIT = "kill -9 of LiveKit"
    TEMPORAL = "kill -9 of Temporal"
    FREEZE = "SIGSTOP of the job process, SIGCONT after 40 s"
    DRAIN = "SIGTERM to the AgentServer that serves"
    AGENT_PARTITION = "partition of agents and Temporal"
    API_PARTITION = "partition of API and Temporal"
    WEBHOOKS = "webhooks lost, doubled, shuffled, late"
    TEMPORAL_AWAY = "Temporal down for 30 s"
    API_AWAY = "API down for 45 s"


SILENCES = frozenset({Kind.JOB, Kind.AGENT_SERVER, Kind.FREEZE, Kind.LIVEKIT})
"""Faults that take the caller's agent away; the others must not be audible at all."""

SECONDS: Mapping[Kind, tuple[float, float]] = {
    Kind.FREEZE: (40, 40),
    Kind.AGENT_PARTITION: (3, 12),
    Kind.API_PARTITION: (2, 8),
    Kind.TEMPORAL_AWAY: (30, 30),
    Kind.API_AWAY: (45, 45),
}
"""How long a fault lasts, from and to; what is not here is over at once."""

_SHARE: Mapping[Kind, float] = {
    Kind.AGENT_PARTITION: 0.5,
    Kind.API_PARTITION: 0.5,
    Kind.TEMPORAL_AWAY: 0.25,
    Kind.API_AWAY: 0.25,
}
"""Faults that last long strike in this share of the rounds; all others in every one."""


_CALLER_LEAVES = frozenset({Kind.WEBHOOKS, Kind.API_AWAY})
"""Faults that show when the caller leaves and comes back; one who does that is not in the middle of a sentence."""


class Moment(StrEnum):
    """Where in an exchange a fault strikes."""

    AGENT_SPEAKS = "while the agent speaks"
    CALLER_SPEAKS = "while the caller speaks"
    PENDING = "right after the question"
    QUIET = "in quiet"


class Trouble(StrEnum):
    """What happens to webhooks under way."""

    LOSE = "lost"
    DOUBLE = "doubled"
    SHUFFLE = "shuffled"
    DELAY = "late"


class Ending(StrEnum):
    """How the call ends."""

    API = "the API ends it"
    HANG_UP = "the caller hangs up"


@dataclass(frozen=True)
class Strike:
    """One fault. `offset` (0 to 1) places it within its moment; `seconds` is how long it lasts."""

    kind: Kind
    moment: Moment
    offset: float
    seconds: float = 0
    trouble: Trouble = Trouble.LOSE
    black_hole: bool = False

    @property
    def silences(self) -> bool:
        """Whether an agent must be heard next. LiveKit may be back in quiet, and the agent with it."""
        return self.kind in SILENCES and not (self.kind is Kind.LIVEKIT and self.moment is Moment.QUIET)


@dataclass(frozen=True)
class CallPlan:
    """One call: its number in the run, its faults, the numbers that the caller says, and how it ends."""

    index: int
    kind: Kind
    strikes: tuple[Strike, ...]
    numbers: tuple[int, ...]
    ending: Ending


def draw(seed: int, kinds: Sequence[Kind], rounds: int, strikes_a_call: int = 5) -> list[CallPlan]:
    """The calls of a run. What a kind meets follows from seed and kind alone: it can be repeated by itself."""
    plans = [plan for kind in kinds for plan in _calls_of(kind, _random(f"{seed} {kind.name}"), rounds, strikes_a_call)]
    _random(str(seed)).shuffle(plans)
    return [replace(plan, index=index) for index, plan in enumerate(plans, start=1)]


def _random(seed: str) -> random.Random:
    return random.Random(seed)  # noqa: S311  it hides nothing: it repeats


def _calls_of(kind: Kind, rng: random.Random, rounds: int, strikes_a_call: int) -> list[CallPlan]:
    count = math.ceil(rounds * _SHARE.get(kind, 1))
    deck = [moment for _ in range(0, count, len(Moment)) for moment in rng.sample(tuple(Moment), len(Moment))]
    strikes = [_strike(kind, moment, rng) for moment in deck[:count]]
    return [
        CallPlan(
            index=0,
            kind=kind,
            strikes=tuple(strikes[first : first + strikes_a_call]),
            numbers=tuple(rng.sample(SAYABLE, len(SAYABLE))),
            ending=Ending.HANG_UP if rng.random() < 0.25 else Ending.API,
        )
        for first in range(0, count, strikes_a_call)
    ]


def _strike(kind: Kind, moment: Moment, rng: random.Random) -> Strike:
    shortest, longest = SECONDS.get(kind, (0, 0))
    return Strike(
        kind,
        Moment.QUIET if kind in _CALLER_LEAVES else moment,
        round(rng.random(), 3),
        round(rng.uniform(shortest, longest), 1),
        rng.choice(tuple(Trouble)),
        rng.random() < 0.5,
    )
