"""When an agent leaves, and how its departure is reported."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from agent.handover.departure import report_departure, wait_until_replaced
from agent.handover.protocol import HAND_OVER, HANDED_OVER, YIELD, Incumbent
from agent.workflow_link.heartbeat import Heartbeat, Verdict
from contracts.agent import AgentOutcome
from contracts.turns import Turn
from tests.fakes.briefings import briefing
from tests.fakes.rpc_rooms import FakeRoom
from tests.fakes.workflow_client import FakeWorkflowClient


async def leaving(room: FakeRoom, verdict: Verdict, overdue_seconds: float = 60) -> asyncio.Task[str]:
    async def finish_speaking(_: float) -> tuple[Turn, ...]:
        return ()

    async def beat() -> Verdict:
        return verdict

    incumbent = Incumbent(room, 1, finish_speaking)
    overdue = partial(asyncio.sleep, overdue_seconds)
    return asyncio.create_task(wait_until_replaced(asyncio.create_task(beat()), incumbent, overdue))


@pytest.mark.parametrize("verdict", [Verdict.SESSION_ENDING, Verdict.FROZEN, Verdict.ALONE])
async def test_most_verdicts_end_the_job_at_once(verdict: Verdict) -> None:
    reason = await leaving(FakeRoom("agent_1_AJ_a"), verdict)
    assert await asyncio.wait_for(reason, 5) == str(verdict)


async def test_a_superseded_agent_stays_until_its_successor_asks() -> None:
    room, successor = FakeRoom("agent_1_AJ_a"), FakeRoom("agent_2_AJ_b")
    reason = await leaving(room, Verdict.SUPERSEDED)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(reason), 0.05)
    successor.meet(room)
    for method in (YIELD, HAND_OVER):
        await successor.own.perform_rpc(destination_identity="agent_1_AJ_a", method=method, payload='{"generation": 2}')
    assert await asyncio.wait_for(reason, 5) == HANDED_OVER


async def test_a_superseded_agent_leaves_when_its_successor_is_overdue() -> None:
    reason = await leaving(FakeRoom("agent_1_AJ_a"), Verdict.SUPERSEDED, overdue_seconds=0.01)
    assert await asyncio.wait_for(reason, 5) == str(Verdict.SUPERSEDED)


class FakeHeartbeat(Heartbeat):
    def __init__(self) -> None:
        self.outcomes: list[AgentOutcome] = []

    async def complete(self, outcome: AgentOutcome) -> None:
        self.outcomes.append(outcome)


@pytest.mark.parametrize(
    ("reason", "handed_over"), [(HANDED_OVER, True), ("parent process shutdown", True), (str(Verdict.FROZEN), False)]
)
async def test_only_a_handover_and_a_server_stop_count_as_handed_over(reason: str, handed_over: bool) -> None:
    heartbeat = FakeHeartbeat()
    await report_departure(FakeWorkflowClient(), heartbeat, briefing(generation=2), reason)
    assert heartbeat.outcomes == [AgentOutcome(generation=2, cause=reason, handed_over=handed_over)]
