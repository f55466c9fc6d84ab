"""The workflow that has the slots: where it begins, when it audits, and when it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from temporalio import activity
from temporalio.client import WorkflowHandle
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.interface import SlotActivities
from contracts.slots import Holder, Refusal, ReleaseSlot, RunningRequest, RunningSessions, SlotsRequest, TakeSlots
from worker import workflow_runner
from workflows.slots.session_slots import SessionSlots

pytestmark = pytest.mark.asyncio(loop_scope="session")

QUEUE = "slots"


class FakeListing(SlotActivities):
    """`running` is what Temporal knows. The first `failures` questions are not answered."""

    def __init__(self, *running: str, failures: int = 0) -> None:
        self.running = set(running)
        self.failures = failures
        self.asked = 0

    @activity.defn(name="running_sessions")
    async def running_sessions(self, request: RunningRequest) -> RunningSessions:
        """See the interface."""
        self.asked += 1
        if self.asked <= self.failures:
            raise ApplicationError("away")
        return RunningSessions(sessions=tuple(Holder(session_id=session_id) for session_id in self.running))


@asynccontextmanager
async def slots_of(
    env: WorkflowEnvironment, listing: FakeListing, name: str
) -> AsyncIterator[WorkflowHandle[SessionSlots, None]]:
    worker = Worker(
        env.client,
        task_queue=QUEUE,
        workflows=[SessionSlots],
        activities=[listing.running_sessions],
        workflow_runner=workflow_runner(),
    )
    async with worker:
        yield await env.client.start_workflow(SessionSlots.run, SlotsRequest(), id=name, task_queue=QUEUE)


async def take(slots: WorkflowHandle[SessionSlots, None], *sessions: str, most: int = 2) -> dict[str, Refusal]:
    wanted = tuple(Holder(session_id=session_id) for session_id in sessions)
    request = TakeSlots(wanted=wanted, max_sessions=most, start_seconds=30)
    return (await slots.execute_update(SessionSlots.take, request)).refused


async def test_it_ends_after_an_hour_without_a_session(time_skipping_apart: WorkflowEnvironment) -> None:
    async with slots_of(time_skipping_apart, FakeListing(), "ends") as slots:
        assert await take(slots, "a") == {}
        await slots.signal(SessionSlots.release, ReleaseSlot(session_id="a"))
        await time_skipping_apart.sleep(3_700 + 610)
        await slots.result()


async def test_an_audit_comes_though_nobody_is_refused(time_skipping_apart: WorkflowEnvironment) -> None:
    listing = FakeListing()
    async with slots_of(time_skipping_apart, listing, "audits") as slots:
        assert await take(slots, "lives", "vanished") == {}
        listing.running = {"lives"}
        await time_skipping_apart.sleep(660)
        assert await take(slots, "a", "b") == {"b": Refusal.SESSIONS}


async def test_it_begins_with_the_sessions_that_run(time_skipping_apart: WorkflowEnvironment) -> None:
    listing = FakeListing("before", failures=2)
    async with slots_of(time_skipping_apart, listing, "begins") as slots:
        assert await take(slots, "a", "b") == {"b": Refusal.SESSIONS}
