"""Counts what a call costs in Temporal: billed actions and events of its history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory

from lab.benchmarks.calls import QUESTION, benchmark_call
from lab.benchmarks.comparison import Goal, Row
from lab.chaos.world import World

_MINUTES = 10
_TURNS = 60
_QUESTIONS = 4
_BEATS_PER_TIMEOUT = 2.5

_BILLED = {
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED,
    EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED,
    EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED,
    EventType.EVENT_TYPE_MARKER_RECORDED,  # a local activity
    EventType.EVENT_TYPE_TIMER_STARTED,
    EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES,
}
"""Events that stand for one action each in Temporal Cloud's price list. Heartbeats are actions without an event."""


@dataclass(frozen=True)
class _Cost:
    actions: float
    events: float

    @classmethod
    def of(cls, history: WorkflowHistory) -> _Cost:
        return cls(sum(event.event_type in _BILLED for event in history.events), len(history.events))


async def actions(world: World) -> list[Row]:
    """Reckon a call of ten minutes with sixty turns from one call with a question and one with several."""
    one, several = await _cost(world, 1), await _cost(world, _QUESTIONS)
    timeout = world.stack.settings.session.agent_heartbeat_timeout_seconds
    heartbeats = _MINUTES * 60 * _BEATS_PER_TIMEOUT / timeout

    def whole(single: float, multiple: float) -> Sequence[float]:
        a_question = (multiple - single) / (_QUESTIONS - 1)
        return [single + a_question * (_TURNS / 2 - 1)]

    name = f"a call of {_MINUTES} minutes with {_TURNS} turns:"
    billed = [whole(one.actions, several.actions)[0] + heartbeats]
    return [
        Row(f"{name} Temporal's actions", billed, unit="", goal=Goal(250, "p50")),
        Row("- of them: heartbeats", [heartbeats], unit=""),
        Row(f"{name} events of its history", whole(one.events, several.events), unit="", goal=Goal(250, "p50")),
    ]


async def _cost(world: World, questions: int) -> _Cost:
    async with benchmark_call(world.rest) as caller:
        await caller.hear()
        for _ in range(questions):
            spoken = await caller.say(QUESTION)
            await caller.sound(after=spoken.last_sound_at)
            await caller.hear()
    return _Cost.of(await world.session(caller.room.name).fetch_history())
