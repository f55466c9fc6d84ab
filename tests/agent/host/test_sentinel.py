"""The sentinel: its input, and, on Temporal's dev server, its reports when its AgentServer is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from agent.host.sentinel import job_line, read_running_jobs, report_failures
from settings import StackSettings
from stack.processes.waiting import wait_until
from stack.servers.find import TEMPORAL, resolve
from tests.fakes.temporal import NOT_FOUND, FakeTemporal


async def ended(*lines: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(lines))
    reader.feed_eof()
    return reader


async def test_jobs_running_at_the_end_of_the_input_are_returned() -> None:
    lines = await ended(job_line("a", b"1"), job_line("b", b"\x00\n2"), job_line("a"), job_line("never"))
    assert await read_running_jobs(lines) == {"b": b"\x00\n2"}


jobs = st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=40))


@given(written=st.lists(jobs, max_size=12), data=st.data())
def test_a_truncated_line_is_ignored(written: list[tuple[str, bytes | None]], data: st.DataObject) -> None:
    """A token starts a job, None exits it; the input is truncated after any byte."""
    lines = [job_line(job, token) for job, token in written]
    complete = data.draw(st.integers(0, len(lines)))
    rest = lines[complete][: data.draw(st.integers(0, len(lines[complete]) - 1))] if complete < len(lines) else b""
    running: dict[str, bytes] = {}
    for job, token in written[:complete]:
        if token is None:
            running.pop(job, None)
        else:
            running[job] = token

    async def read() -> dict[str, bytes]:
        return await read_running_jobs(await ended(*lines[:complete], rest))

    assert asyncio.run(read()) == running


async def test_every_running_job_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    temporal = FakeTemporal([NOT_FOUND])
    await report_failures(temporal.workflow_service, "default", "AgentServerEnded", {"a": b"1", "b": b"2", "c": b"3"})
    assert sorted(temporal.failed) == [(b"2", "AgentServerEnded"), (b"3", "AgentServerEnded")]
    assert "reported 2 of its 3 running jobs" in caplog.text


HOLDER = """
import asyncio, sys
from agent.host.sentinel_keeper import SentinelKeeper
from settings import TemporalSettings
from connections.temporal_client import connect

async def main():
    keeper = SentinelKeeper()
    keeper.start(await connect(TemporalSettings(address=sys.argv[1])))
    for token in sys.argv[2:]:
        keeper.started(token, bytes.fromhex(token))
    while keeper.pid is None:
        await asyncio.sleep(0.01)
    print(keeper.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""

TOKENS: asyncio.Queue[bytes] = asyncio.Queue()


@activity.defn
async def served_by_an_agent() -> None:
    TOKENS.put_nowait(activity.info().task_token)
    activity.raise_complete_async()


@workflow.defn
class AgentWorkflow:
    """Returns the failure of its activity."""

    @workflow.run
    async def run(self) -> str:
        try:
            await workflow.execute_activity(
                served_by_an_agent,
                start_to_close_timeout=timedelta(minutes=5),
                retry_policy=RetryPolicy(maximum_attempts=1),
            )
        except ActivityError as error:
            if isinstance(error.cause, ApplicationError):
                return f"{error.cause.type}: {error.cause.message}"
        return "something else"


@pytest.fixture
async def dev_server() -> AsyncIterator[WorkflowEnvironment]:
    server = resolve(TEMPORAL, StackSettings())
    async with AsyncExitStack() as stack:
        env = await stack.enter_async_context(
            await WorkflowEnvironment.start_local(dev_server_existing_path=str(server))
        )
        await stack.enter_async_context(
            Worker(
                env.client,
                task_queue="sentinel",
                workflows=[AgentWorkflow],
                activities=[served_by_an_agent],
                workflow_runner=UnsandboxedWorkflowRunner(),
            )
        )
        yield env


@pytest.mark.slow
async def test_jobs_of_a_killed_agent_server_fail_at_once(dev_server: WorkflowEnvironment) -> None:
    client = dev_server.client
    handles = [
        await client.start_workflow(AgentWorkflow.run, id=f"session-{i}", task_queue="sentinel") for i in range(3)
    ]
    tokens = [(await TOKENS.get()).hex() for _ in handles]
    command = [sys.executable, "-c", HOLDER, client.service_client.config.target_host, *tokens]
    holder = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)  # noqa: S603, ASYNC220
    try:
        assert holder.stdout
        sentinel = psutil.Process(int(await asyncio.to_thread(holder.stdout.readline)))
        os.killpg(holder.pid, signal.SIGKILL)
        causes = [await asyncio.wait_for(handle.result(), 20) for handle in handles]
        assert causes == ["AgentServerEnded: its agent server ended"] * 3
        await asyncio.to_thread(wait_until, lambda: "it runs" if sentinel.is_running() else None, 10, "its end")
    finally:
        holder.kill()
        holder.communicate()
