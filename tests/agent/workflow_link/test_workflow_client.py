"""Reports reach the workflow in order, each until it is taken; a refused claim sends the agent away."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from agent.workflow_link.workflow_client import SupersededError, WorkflowClient
from contracts.agent import AgentReady, Briefing, DispatchMetadata
from contracts.turns import Turn
from tests.fakes.briefings import briefing
from tests.fakes.temporal import UNCONNECTED

METADATA = DispatchMetadata(session_id="session_1234567890_abcdef", generation=2, sealed_task_token="sealed")
BRIEFING = briefing(generation=2)


class FakeWorkflow:
    """Takes signals and updates; `refusals` are raised first, one a call."""

    def __init__(self, *refusals: Exception) -> None:
        self.refusals = list(refusals)
        self.signals: list[Any] = []
        self.update_ids: list[str] = []
        self.down = asyncio.Event()

    def get_workflow_handle_for(self, _workflow: object, session_id: str) -> FakeWorkflow:
        assert session_id == METADATA.session_id
        return self

    async def signal(self, _signal: object, report: Any) -> None:
        if self.refusals:
            self.down.set()
            raise self.refusals.pop(0)
        self.signals.append(report)

    async def query(self, _query: object, *, rpc_timeout: timedelta) -> tuple[Turn, ...]:
        assert rpc_timeout <= timedelta(seconds=2)  # a caller waits in silence
        if self.refusals:
            raise self.refusals.pop(0)
        return (turn(1),)

    async def execute_update(self, _update: object, claim: Any, *, id: str) -> Briefing:
        self.update_ids.append(id)
        assert claim.generation == METADATA.generation
        if self.refusals:
            raise self.refusals.pop(0)
        return BRIEFING


def line_to(workflow: FakeWorkflow) -> WorkflowClient:
    return WorkflowClient(cast("Client", workflow), METADATA)


def unavailable() -> RPCError:
    return RPCError("away", RPCStatusCode.UNAVAILABLE, b"")


def gone() -> RPCError:
    return RPCError("workflow execution already completed", RPCStatusCode.NOT_FOUND, b"")


def turn(sequence: int) -> Turn:
    return Turn(generation=2, sequence=sequence, role="agent", text=f"number {sequence}", at_ms=sequence)


@pytest.mark.parametrize("outage", [unavailable(), UNCONNECTED])
async def test_reports_are_repeated_during_an_outage_and_stay_in_order(outage: Exception) -> None:
    workflow = FakeWorkflow(outage, outage)
    line = line_to(workflow)
    ready = AgentReady(generation=2, identity="agent_2_x", at_ms=1)
    line.ready(ready)
    for sequence in (1, 2, 3):
        line.turn(turn(sequence))
    assert await line.flush(5)
    assert workflow.signals == [ready, turn(1), turn(2), turn(3)]
    await line.aclose()


async def test_reports_after_the_end_of_the_session_are_dropped() -> None:
    workflow = FakeWorkflow(gone())
    line = line_to(workflow)
    line.turn(turn(1))
    assert await line.flush(5)
    assert workflow.signals == []
    await line.aclose()


async def test_flush_is_bounded() -> None:
    workflow = FakeWorkflow(*[unavailable() for _ in range(50)])
    line = line_to(workflow)
    line.turn(turn(1))
    assert not await line.flush(0.05)
    await line.aclose()


async def test_a_claim_returns_the_briefing() -> None:
    workflow = FakeWorkflow()
    line = line_to(workflow)
    assert await line.claim("agent_2_x") == BRIEFING
    assert workflow.update_ids == ["claim-agent_2_x"]
    await line.aclose()


@pytest.mark.parametrize(
    "refusal", [WorkflowUpdateFailedError(ApplicationError("not wanted any more", type="Superseded")), gone()]
)
async def test_a_refused_claim_raises_superseded(refusal: Exception) -> None:
    line = line_to(FakeWorkflow(refusal))
    with pytest.raises(SupersededError):
        await line.claim("agent_2_x")
    await line.aclose()


async def test_a_claim_is_repeated_during_an_outage() -> None:
    workflow = FakeWorkflow(unavailable(), UNCONNECTED, TimeoutError(), WorkflowUpdateRPCTimeoutOrCancelledError())
    line = line_to(workflow)
    assert await asyncio.wait_for(line.claim("agent_2_x"), 5) == BRIEFING
    assert workflow.update_ids == ["claim-agent_2_x"] * 5
    await line.aclose()


async def test_the_transcript_can_be_queried() -> None:
    line = line_to(FakeWorkflow())
    assert await line.transcript() == (turn(1),)
    await line.aclose()


async def test_an_unanswered_transcript_query_returns_none() -> None:
    line = line_to(FakeWorkflow(unavailable()))
    assert await line.transcript() is None
    await line.aclose()
