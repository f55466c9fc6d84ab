"""The peer: calls to a bare workflow; `python -m lab.benchmarks.bare_temporal` is its worker, in its own process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from time import perf_counter

from temporalio.client import Client, WithStartWorkflowOperation, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import Worker

from connections.temporal_client import connect
from lab.benchmarks.bare_workflow import Bare
from settings import Settings

TASK_QUEUE = "benchmark-bare"
BareHandle = WorkflowHandle[Bare, str]


@contextlib.contextmanager
def bare_worker(environment: dict[str, str]) -> Iterator[None]:
    """Run a worker for `Bare` during the block. The first workflow waits for it, so nothing else has to."""
    process = subprocess.Popen(
        [sys.executable, "-m", "lab.benchmarks.bare_temporal"], env={**os.environ, **environment}
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(15)


async def start(client: Client) -> tuple[float, BareHandle]:
    """Start by update-with-start; returns the seconds until its answer, and the handle."""
    operation = WithStartWorkflowOperation(
        Bare.run,
        id=f"bare-{uuid.uuid4().hex}",
        task_queue=TASK_QUEUE,
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )
    began = perf_counter()
    await client.execute_update_with_start_workflow(Bare.join_token, start_workflow_operation=operation)
    taken = perf_counter() - began
    return taken, await operation.workflow_handle()


async def end(handle: BareHandle) -> float:
    """Signal the end; returns the seconds until the result."""
    began = perf_counter()
    await handle.signal(Bare.end)
    await handle.result()
    return perf_counter() - began


async def _serve() -> None:
    settings = Settings()
    client = await connect(settings.temporal)
    await Worker(client, task_queue=TASK_QUEUE, workflows=[Bare]).run()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve())
