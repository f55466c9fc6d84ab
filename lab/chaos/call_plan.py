"""Draws the calls of a chaos run and their faults from a seed. Pure."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lab import planner
from lab.chaos.numbers import SAYABLE


class FaultKind(StrEnum):
    """A kind of fault."""

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
    SPEECH_SERVER = "kill -9 of the speech server"
    HOST_FREEZE = "SIGSTOP of an agent host with its jobs, SIGCONT after 10 s"
    OVERLOAD = "kill -9 of the job process beside eight busy processes"
    GHOSTS = "20 sessions started and ended at once"


SILENCING = frozenset(
    {
        *(FaultKind.JOB, FaultKind.AGENT_SERVER, FaultKind.FREEZE, FaultKind.LIVEKIT),
        *(FaultKind.HOST_FREEZE, FaultKind.OVERLOAD),
    }
)
"""Faults that take the caller's agent away."""
DISTURBING = SILENCING | {FaultKind.SPEECH_SERVER}
"""Faults that a caller may hear; all others must be inaudible."""
OF_ONE_CALL = frozenset({FaultKind.JOB, FaultKind.FREEZE})
"""Faults that no other call may notice."""

SECONDS: Mapping[FaultKind, tuple[float, float]] = {
    FaultKind.FREEZE: (40, 40),
    FaultKind.AGENT_PARTITION: (3, 12),
    FaultKind.API_PARTITION: (2, 8),
    FaultKind.TEMPORAL_AWAY: (30, 30),
    FaultKind.API_AWAY: (45, 45),
    FaultKind.HOST_FREEZE: (10, 10),
    FaultKind.OVERLOAD: (15, 15),
}
"""The shortest and the longest duration of a fault; all others are over at once."""

_SHARE: Mapping[FaultKind, float] = {
    FaultKind.AGENT_PARTITION: 0.5,
    FaultKind.API_PARTITION: 0.5,
    FaultKind.TEMPORAL_AWAY: 0.25,
    FaultKind.API_AWAY: 0.25,
}
"""Long faults are injected in this share of the rounds; all others in every one."""

_CALLER_LEAVES = frozenset({FaultKind.WEBHOOKS, FaultKind.API_AWAY})
"""Faults that need a caller who hangs up and calls again; that happens in quiet."""


class Moment(StrEnum):
    """The moment of a fault within an exchange."""

    AGENT_SPEAKS = "while the agent speaks"
    CALLER_SPEAKS = "while the caller speaks"
    PENDING = "right after the question"
    QUIET = "in quiet"


class WebhookFault(StrEnum):
    """A failure of webhooks on their way."""

    LOSE = "lost"
    DOUBLE = "doubled"
    SHUFFLE = "shuffled"
    DELAY = "late"


class Ending(StrEnum):
    """The end of a call."""

    API = "the API ends it"
    HANG_UP = "the caller hangs up"


@dataclass(frozen=True)
class Fault:
    """One fault. `offset` (0 to 1) places it within its moment; it lasts `seconds`."""

    kind: FaultKind
    moment: Moment
    offset: float
    seconds: float = 0
    webhook_fault: WebhookFault = WebhookFault.LOSE
    black_hole: bool = False

    @property
    def silences_agent(self) -> bool:
        """True if an agent must be heard next. After a fault of LiveKit in quiet the agent may return silently."""
        return self.kind in SILENCING and not (self.kind is FaultKind.LIVEKIT and self.moment is Moment.QUIET)


@dataclass(frozen=True)
class CallPlan:
    """One call: its number in the run, its faults, the caller's numbers, and its end."""

    index: int
    kind: FaultKind
    faults: tuple[Fault, ...]
    numbers: tuple[int, ...]
    ending: Ending
    beside: bool = False
    """It goes on beside another call, which has the faults."""

    @property
    def is_inaudible(self) -> bool:
        """True if this caller must not notice the faults."""
        return self.kind not in DISTURBING or (self.beside and self.kind in OF_ONE_CALL)

    def others(self, count: int) -> list[CallPlan]:
        """Plans of calls beside this one."""
        shifts = (len(self.numbers) * (number + 1) // (count + 1) for number in range(count))
        turned = (self.numbers[shift:] + self.numbers[:shift] for shift in shifts)
        return [replace(self, faults=(), numbers=numbers, ending=Ending.API, beside=True) for numbers in turned]


def draw(seed: int, kinds: Sequence[FaultKind], rounds: int, faults_per_call: int = 5) -> list[CallPlan]:
    """Draw the calls of a run. Those of a kind follow from seed and kind alone, so a kind can be repeated by itself."""
    plans = [
        plan
        for kind in kinds
        for plan in _calls_of(kind, planner.seeded(f"{seed} {kind.name}"), rounds, faults_per_call)
    ]
    planner.seeded(str(seed)).shuffle(plans)
    return [replace(plan, index=index) for index, plan in enumerate(plans, start=1)]


def _calls_of(kind: FaultKind, rng: random.Random, rounds: int, faults_per_call: int) -> list[CallPlan]:
    count = math.ceil(rounds * _SHARE.get(kind, 1))
    faults = [_fault(kind, moment, rng) for moment in planner.evenly(rng, tuple(Moment), count)]
    return [
        CallPlan(
            index=0,
            kind=kind,
            faults=tuple(faults[first : first + faults_per_call]),
            numbers=tuple(rng.sample(SAYABLE, len(SAYABLE))),
            ending=Ending.HANG_UP if rng.random() < 0.25 else Ending.API,
        )
        for first in range(0, count, faults_per_call)
    ]


def _fault(kind: FaultKind, moment: Moment, rng: random.Random) -> Fault:
    shortest, longest = SECONDS.get(kind, (0, 0))
    return Fault(
        kind,
        Moment.QUIET if kind in _CALLER_LEAVES else moment,
        round(rng.random(), 3),
        round(rng.uniform(shortest, longest), 1),
        rng.choice(tuple(WebhookFault)),
        rng.random() < 0.5,
    )
