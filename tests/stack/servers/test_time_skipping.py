"""The time-skipping test server: a workflow that sleeps for a month completes at once."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from temporalio import workflow
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from settings import Settings
from stack.servers.time_skipping import resolve_temporal_test_server


@workflow.defn
class Sleeper:
    """Sleeps for a number of seconds on the server's clock."""

    @workflow.run
    async def run(self, seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "done"


@pytest.mark.slow
async def test_month_passes_at_once() -> None:
    # In a thread, since the search may wait for a download.
    server = await asyncio.to_thread(resolve_temporal_test_server, Settings().stack)
    environment = await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(server), test_server_startup_timeout=timedelta(seconds=30)
    )
    async with (
        environment,
        Worker(environment.client, task_queue="q", workflows=[Sleeper], workflow_runner=UnsandboxedWorkflowRunner()),
    ):
        began = time.monotonic()
        month = timedelta(days=30).total_seconds()
        assert await environment.client.execute_workflow(Sleeper.run, month, id="sleeper", task_queue="q") == "done"
        assert time.monotonic() - began < 20
