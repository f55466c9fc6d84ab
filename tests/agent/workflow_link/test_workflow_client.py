"""Claims and reports through outages of Temporal."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import cast

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError

from agent.workflow_link import workflow_client
from agent.workflow_link.workflow_client import RefusedError, WorkflowClient
from contracts.agent import MAX_REPORTS, AgentReady, AgentReports, Briefing, ClaimRequest
from contracts.turns import Turn
from tests.fakes.briefings import briefing
from tests.fakes.reports import report_of
from tests.fakes.temporal import NOT_FOUND, UNAVAILABLE, UNCONNECTED

SESSION = "session_1234567890_abcdef"
BRIEFING = briefing(generation=2)


class FakeWorkflow:
    """Accepts signals and updates; raises one of `refusals` per call first."""

    def __init__(self, *refusals: Exception) -> None:
        self.refusals = list(refusals)
        self.signals: list[AgentReports] = []
        self.update_ids: list[str] = []
        self.down = asyncio.Event()

    def get_workflow_handle_for(self, _workflow: object, session_id: str) -> FakeWorkflow:
        assert session_id == SESSION
        return self

    async def signal(self, _signal: object, batch: AgentReports) -> None:
        if self.refusals:
            self.down.set()
            raise self.refusals.pop(0)
        self.signals.append(batch)

    @property
    def reported(self) -> list[object]:
        return [r.ready or r.turn or r.presence or r.provider for batch in self.signals for r in batch.reports]

    async def query(self, _query: object, *, rpc_timeout: timedelta) -> tuple[Turn, ...]:
        assert rpc_timeout <= timedelta(seconds=2)  # the caller is waiting
        if self.refusals:
            raise self.refusals.pop(0)
        return (turn(1),)

    async def execute_update(self, _update: object, claim: ClaimRequest, *, id: str) -> Briefing:
        self.update_ids.append(id)
        assert claim.generation == 2
        if self.refusals:
            raise self.refusals.pop(0)
        return BRIEFING


def client_of(workflow: FakeWorkflow) -> WorkflowClient:
    return WorkflowClient(cast("Client", workflow), SESSION, 2)


def turn(sequence: int, *, final: bool = True) -> Turn:
    return Turn(generation=2, sequence=sequence, role="agent", text=f"number {sequence}", at_ms=sequence, final=final)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow_client, "_PAUSE_SECONDS", 0.05)


@pytest.mark.parametrize("outage", [UNAVAILABLE, UNCONNECTED])
async def test_reports_are_repeated_during_an_outage_and_stay_in_order(outage: Exception) -> None:
    workflow = FakeWorkflow(outage, outage)
    client = client_of(workflow)
    ready = AgentReady(generation=2, identity="agent_2_x", at_ms=1)
    client.report(report_of(ready))
    for sequence in (1, 2, 3):
        client.report(report_of(turn(sequence)))
    assert await client.flush(5)
    assert workflow.reported == [ready, turn(1), turn(2), turn(3)]
    await client.aclose()


async def test_reports_after_the_end_of_the_session_are_dropped() -> None:
    workflow = FakeWorkflow(NOT_FOUND)
    client = client_of(workflow)
    client.report(report_of(turn(1)))
    assert await client.flush(5)
    assert workflow.signals == []
    await client.aclose()


async def test_reports_that_wait_go_together_and_a_long_queue_in_parts() -> None:
    workflow = FakeWorkflow()
    client = client_of(workflow)
    client.report(report_of(turn(1)))
    while not workflow.signals:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    many = [turn(sequence) for sequence in range(2, MAX_REPORTS + 12)]
    for each in many:
        client.report(report_of(each))
    assert await client.flush(5)
    assert [len(batch.reports) for batch in workflow.signals] == [1, MAX_REPORTS, 10]
    assert workflow.reported == [turn(1), *many]
    await client.aclose()


async def test_of_an_answer_that_is_still_spoken_only_the_latest_part_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow_client, "_PARTIAL_SECONDS", 60)
    workflow = FakeWorkflow()
    client = client_of(workflow)
    client.report(report_of(turn(1, final=False)))
    client.report(report_of(turn(1, final=False)))
    client.report(report_of(turn(2, final=False)))
    client.report(report_of(turn(2)))
    assert await client.flush(5)
    assert workflow.reported == [turn(1, final=False), turn(2)]
    assert len(workflow.signals) == 1
    await client.aclose()


async def test_a_part_of_an_answer_goes_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow_client, "_PARTIAL_SECONDS", 0.02)
    workflow = FakeWorkflow()
    client = client_of(workflow)
    client.report(report_of(turn(1, final=False)))
    async with asyncio.timeout(5):
        while not workflow.signals:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
    assert workflow.reported == [turn(1, final=False)]
    await client.aclose()


async def test_flush_is_bounded() -> None:
    workflow = FakeWorkflow(*[UNAVAILABLE for _ in range(50)])
    client = client_of(workflow)
    client.report(report_of(turn(1)))
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
    with pytest.raises(RefusedError):
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
