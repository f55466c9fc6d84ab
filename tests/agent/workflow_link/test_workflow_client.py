"""Claims and reports through outages of Temporal."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import cast

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError

from agent.workflow_link.workflow_client import SupersededError, WorkflowClient
from contracts.agent import AgentReady, Briefing, ClaimRequest, JobMetadata
from contracts.turns import Turn
from tests.fakes.briefings import briefing
from tests.fakes.temporal import NOT_FOUND, UNAVAILABLE, UNCONNECTED

METADATA = JobMetadata(session_id="session_1234567890_abcdef", generation=2, task_token="aa")
BRIEFING = briefing(generation=2)


class FakeWorkflow:
    """Accepts signals and updates; raises one of `refusals` per call first."""

    def __init__(self, *refusals: Exception) -> None:
        self.refusals = list(refusals)
        self.signals: list[object] = []
        self.update_ids: list[str] = []
        self.down = asyncio.Event()

    def get_workflow_handle_for(self, _workflow: object, session_id: str) -> FakeWorkflow:
        assert session_id == METADATA.session_id
        return self

    async def signal(self, _signal: object, report: object) -> None:
        if self.refusals:
            self.down.set()
            raise self.refusals.pop(0)
        self.signals.append(report)

    async def query(self, _query: object, *, rpc_timeout: timedelta) -> tuple[Turn, ...]:
        assert rpc_timeout <= timedelta(seconds=2)  # the caller is waiting
        if self.refusals:
            raise self.refusals.pop(0)
        return (turn(1),)

    async def execute_update(self, _update: object, claim: ClaimRequest, *, id: str) -> Briefing:
        self.update_ids.append(id)
        assert claim.generation == METADATA.generation
        if self.refusals:
            raise self.refusals.pop(0)
        return BRIEFING


def client_of(workflow: FakeWorkflow) -> WorkflowClient:
    return WorkflowClient(cast("Client", workflow), METADATA)


def turn(sequence: int) -> Turn:
    return Turn(generation=2, sequence=sequence, role="agent", text=f"number {sequence}", at_ms=sequence)


@pytest.mark.parametrize("outage", [UNAVAILABLE, UNCONNECTED])
async def test_reports_are_repeated_during_an_outage_and_stay_in_order(outage: Exception) -> None:
    workflow = FakeWorkflow(outage, outage)
    client = client_of(workflow)
    ready = AgentReady(generation=2, identity="agent_2_x", at_ms=1)
    client.ready(ready)
    for sequence in (1, 2, 3):
        client.turn(turn(sequence))
    assert await client.flush(5)
    assert workflow.signals == [ready, turn(1), turn(2), turn(3)]
    await client.aclose()


async def test_reports_after_the_end_of_the_session_are_dropped() -> None:
    workflow = FakeWorkflow(NOT_FOUND)
    client = client_of(workflow)
    client.turn(turn(1))
    assert await client.flush(5)
    assert workflow.signals == []
    await client.aclose()


async def test_flush_is_bounded() -> None:
    workflow = FakeWorkflow(*[UNAVAILABLE for _ in range(50)])
    client = client_of(workflow)
    client.turn(turn(1))
    assert not await client.flush(0.05)
    await client.aclose()


async def test_a_claim_returns_the_briefing() -> None:
    workflow = FakeWorkflow()
    client = client_of(workflow)
    assert await client.claim("agent_2_x") == BRIEFING
    assert workflow.update_ids == ["claim-agent_2_x"]
    await client.aclose()


@pytest.mark.parametrize(
    "refusal", [WorkflowUpdateFailedError(ApplicationError("superseded", type="Superseded")), NOT_FOUND]
)
async def test_a_refused_claim_raises_superseded(refusal: Exception) -> None:
    client = client_of(FakeWorkflow(refusal))
    with pytest.raises(SupersededError):
        await client.claim("agent_2_x")
    await client.aclose()


async def test_a_claim_is_repeated_during_an_outage() -> None:
    workflow = FakeWorkflow(UNAVAILABLE, UNCONNECTED, TimeoutError(), WorkflowUpdateRPCTimeoutOrCancelledError())
    client = client_of(workflow)
    assert await asyncio.wait_for(client.claim("agent_2_x"), 5) == BRIEFING
    assert workflow.update_ids == ["claim-agent_2_x"] * 5
    await client.aclose()


async def test_the_transcript_can_be_queried() -> None:
    client = client_of(FakeWorkflow())
    assert await client.transcript() == (turn(1),)
    await client.aclose()


async def test_an_unanswered_transcript_query_returns_none() -> None:
    client = client_of(FakeWorkflow(UNAVAILABLE))
    assert await client.transcript() is None
    await client.aclose()
