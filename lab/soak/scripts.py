"""Draws a soak from its seed: the callers' scripts, the failures of their agents, the kills of servers. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum

from lab import planner

VICTIMS = ("worker_1", "worker_2", "api_1", "api_2")


class Behaviour(StrEnum):
    """A caller's behaviour."""

    ENDS = "joins, talks, ends by REST"
    ENDS_TWICE = "ends by two requests at once"
    LEAVES = "leaves without an end"
    NEVER_JOINS = "never joins"
    WEBHOOKS_ONLY = "known from late, doubled, shuffled webhooks alone"


class AgentFailure(StrEnum):
    """A failure of a session's first agent."""

    NONE = "none"
    PROCESS_EXITS = "its process exits, and its AgentServer reports that"
    FALLS_SILENT = "it stops without a report"


_BEHAVIOURS = {
    Behaviour.ENDS: 40,
    Behaviour.ENDS_TWICE: 15,
    Behaviour.LEAVES: 20,
    Behaviour.NEVER_JOINS: 10,
    Behaviour.WEBHOOKS_ONLY: 15,
}
_FAILURES = {AgentFailure.NONE: 70, AgentFailure.PROCESS_EXITS: 20, AgentFailure.FALLS_SILENT: 10}


@dataclass(frozen=True)
class Script:
    """One session. Times are seconds; `begins_at` counts from the start of the run.

    `webhooks` are the reports on a caller who never joins, in the order of their arrival.
    """

    user_name: str
    behaviour: Behaviour
    begins_at: float
    talk_seconds: float
    lines: int
    failure: AgentFailure
    failure_after_lines: int
    webhooks: tuple[str, ...]


@dataclass(frozen=True)
class Kill:
    """One SIGKILL."""

    at: float
    victim: str


@dataclass(frozen=True)
class Plan:
    """A whole run."""

    seed: int
    scripts: tuple[Script, ...]
    kills: tuple[Kill, ...]


def draw(seed: int, *, sessions: int, seconds: float, kill_every_seconds: float) -> Plan:
    """Draw `sessions` that begin within `seconds`, and a kill about every `kill_every_seconds`."""
    rng = planner.seeded(seed)
    begins = sorted(rng.uniform(0, seconds) for _ in range(sessions))
    scripts = tuple(_script(rng, number, at) for number, at in enumerate(begins))
    kills = tuple(Kill(at, rng.choice(VICTIMS)) for at in planner.moments(rng, kill_every_seconds, seconds))
    return Plan(seed, scripts, kills)


def _script(rng: random.Random, number: int, begins_at: float) -> Script:
    behaviour, failure = planner.weighted(rng, _BEHAVIOURS), planner.weighted(rng, _FAILURES)
    if behaviour is Behaviour.WEBHOOKS_ONLY:
        failure = AgentFailure.NONE  # a second agent would report, truthfully, that this caller is not in the room
    webhooks = ["joined", "joined", "left", "left", "left"]
    del webhooks[: rng.randrange(3)]  # one or both reports of the join are lost
    rng.shuffle(webhooks)
    return Script(
        user_name=f"soak-{number:04}",
        behaviour=behaviour,
        begins_at=begins_at,
        talk_seconds=rng.uniform(2, 6),
        lines=rng.randrange(4, 12),
        failure=failure,
        failure_after_lines=rng.randrange(1, 4),
        webhooks=tuple(webhooks),
    )
