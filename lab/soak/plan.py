"""What a soak does, drawn from one seed: which callers come when, what befalls their agents, who is killed. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

VICTIMS = ("worker_1", "worker_2", "api_1", "api_2")
_USER = "soak-{:04}"


class Behaviour(StrEnum):
    """What a caller does."""

    ENDS = "joins, talks, ends by REST"
    ENDS_TWICE = "ends by two requests at once"
    LEAVES = "leaves without an end"
    NEVER_JOINS = "never joins"
    WEBHOOKS_ONLY = "known from late, doubled, shuffled webhooks alone"


class Fault(StrEnum):
    """How a session's first agent goes."""

    NONE = "none"
    PROCESS_ENDS = "its process ends, and its AgentServer says so"
    FALLS_SILENT = "it is gone without a word"


_BEHAVIOURS = {
    Behaviour.ENDS: 40,
    Behaviour.ENDS_TWICE: 15,
    Behaviour.LEAVES: 20,
    Behaviour.NEVER_JOINS: 10,
    Behaviour.WEBHOOKS_ONLY: 15,
}
_FAULTS = {Fault.NONE: 70, Fault.PROCESS_ENDS: 20, Fault.FALLS_SILENT: 10}


@dataclass(frozen=True)
class Script:
    """One session. Times are seconds; `begins_at` counts from the start of the run.

    `news` names the webhooks of a caller who is known by them alone, in the order in which they arrive.
    """

    user_name: str
    behaviour: Behaviour
    begins_at: float
    talk_seconds: float
    lines: int
    fault: Fault
    fault_after_lines: int
    news: tuple[str, ...]


@dataclass(frozen=True)
class Kill:
    """One SIGKILL."""

    at: float
    victim: str


@dataclass(frozen=True)
class Plan:
    """A whole run; the same for the same seed and bounds."""

    seed: int
    scripts: tuple[Script, ...]
    kills: tuple[Kill, ...]


def draw(seed: int, *, sessions: int, seconds: float, kill_every_seconds: float) -> Plan:
    """`sessions` that begin within `seconds`, and a kill about every `kill_every_seconds` of them."""
    random_ = random.Random(seed)  # noqa: S311  to be repeated, not to be secret
    begins = sorted(random_.uniform(0, seconds) for _ in range(sessions))
    scripts = tuple(_script(random_, number, at) for number, at in enumerate(begins))
    kills: list[Kill] = []
    at = random_.uniform(0.5, 1.5) * kill_every_seconds
    while at < seconds:
        kills.append(Kill(at, random_.choice(VICTIMS)))
        at += random_.uniform(0.5, 1.5) * kill_every_seconds
    return Plan(seed, scripts, tuple(kills))


def _script(random_: random.Random, number: int, begins_at: float) -> Script:
    (behaviour,) = random_.choices(list(_BEHAVIOURS), weights=list(_BEHAVIOURS.values()))
    (fault,) = random_.choices(list(_FAULTS), weights=list(_FAULTS.values()))
    news = ["joined", "joined", "left", "left", "left"]
    del news[: random_.randrange(3)]  # one or both reports of the join are lost
    random_.shuffle(news)
    return Script(
        user_name=_USER.format(number),
        behaviour=behaviour,
        begins_at=begins_at,
        talk_seconds=random_.uniform(2, 6),
        lines=random_.randrange(4, 12),
        fault=fault,
        fault_after_lines=random_.randrange(1, 4),
        news=tuple(news),
    )
