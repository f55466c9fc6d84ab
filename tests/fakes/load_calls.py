"""Calls and runs of a load test, as if they had been measured."""

from __future__ import annotations

from datetime import UTC, datetime

from lab.load.figures import Kind, Load, Step
from lab.load.spoken_call import SpokenCall


def answered(*replies: float, questions: int = 0, generations: int | None = None) -> SpokenCall:
    """A caller of `questions`, or of as many as were answered."""
    return SpokenCall(
        arrived_at=0,
        session_id="session_1",
        answered_after=0.05,
        first_sound=0.5,
        asked=questions or len(replies),
        replies=list(replies),
        talked=10,
        joined=10.5,
        over_at=30,
        generations=generations,
        billed=10,
    )


def refused() -> SpokenCall:
    """A caller who was told to come back."""
    return SpokenCall(arrived_at=0, answered_after=0.1, was_refused=True, retry_after="5", asked=1, over_at=0.1)


def unheard(questions: int) -> SpokenCall:
    """A caller who hung up without having heard a sound."""
    return SpokenCall(arrived_at=0, session_id="session_2", asked=questions, error="no first sound", over_at=20)


def step_of(*calls: SpokenCall, kind: Kind = "offered", system: str = "ours", size: float = 1) -> Step:
    """A step of half a minute."""
    return Step(kind, system, size, calls, seconds=30, back_after=0.5)


def load_of() -> Load:
    """A run with both systems: twice the capacity is refused by ours, and slows the other down."""
    steps = [
        step_of(answered(1.0), kind="idle"),
        step_of(answered(1.0), kind="idle", system="plain"),
        step_of(answered(1.2, generations=1), size=1),
        step_of(answered(1.1), system="plain", size=1),
        step_of(answered(1.2, generations=1), refused(), size=2),
        step_of(answered(4.0), unheard(1), system="plain", size=2),
        step_of(answered(1.2, generations=2), kind="hogs", size=4),
        step_of(answered(2.0), kind="hogs", system="plain", size=4),
    ]
    return Load(
        command="python -m lab.load",
        date=datetime(2026, 11, 28, tzinfo=UTC),
        providers="hosted",
        window=60,
        questions=3,
        capacities={"ours": 8, "plain": 10},
        steps=steps,
    )
