"""The sentinel: what it makes of its input, and, on Temporal's dev server, what it does when its AgentServer dies."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio import activity, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from agent.host.sentinel import exited_line, read_running_jobs, report_failures, running_line
from settings import StackSettings
from stack.processes.waiting import wait_until
from stack.servers.find import TEMPORAL, resolve
from tests.fakes.temporal import UNKNOWN, FakeTemporal


async def ended(*lines: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(b"".join(lines))
    reader.feed_eof()
    return reader


async def test_what_runs_when_the_input_ends_is_lost() -> None:
    lines = await ended(running_line("a", b"1"), running_line("b", b"\x00\n2"), exited_line("a"), exited_line("never"))
    assert await read_running_jobs(lines) == {"b": b"\x00\n2"}


async def test_a_line_that_was_cut_off_is_no_line() -> None:
    lines = await ended(running_line("a", b"1"), running_line("b", b"2")[:-4])
    assert await read_running_jobs(lines) == {"a": b"1"}


jobs = st.tuples(st.text(max_size=8), st.none() | st.binary(max_size=40))


@given(told=st.lists(jobs, max_size=12), data=st.data())
def test_what_ran_is_known_wherever_the_input_is_cut(told: list[tuple[str, bytes | None]], data: st.DataObject) -> None:
    """A token begins a job, None ends it; the input breaks off after any byte."""
    lines = [exited_line(job) if token is None else running_line(job, token) for job, token in told]
    whole = data.draw(st.integers(0, len(lines)))
    rest = lines[whole][: data.draw(st.integers(0, len(lines[whole]) - 1))] if whole < len(lines) else b""
    ran: dict[str, bytes] = {}
    for job, token in told[:whole]:
        if token is None:
            ran.pop(job, None)
        else:
            ran[job] = token

    async def read() -> dict[str, bytes]:
        return await read_running_jobs(await ended(*lines[:whole], rest))

    assert asyncio.run(read()) == ran


async def test_reports_all_that_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    temporal: Any = FakeTemporal([UNKNOWN])
    await report_failures(temporal, "default", "AgentServerEnded", {"a": b"1", "b": b"2", "c": b"3"})
    assert sorted(temporal.failed) == [(b"2", "AgentServerEnded"), (b"3", "AgentServerEnded")]
    assert "of its 3 jobs, 2 are reported lost" in caplog.text


HOLDER = """
import asyncio, sys
from agent.host.sentinel_keeper import SentinelKeeper
from settings import TemporalSettings
from temporal_client import connect

async def main():
    keeper = SentinelKeeper()
    keeper.start(await connect(TemporalSettings(address=sys.argv[1])))
    for token in sys.argv[2:]:
        keeper.running(token, bytes.fromhex(token))
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
class WaitsForItsAgent:
    """Returns what its activity failed with."""

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
                workflows=[WaitsForItsAgent],
                activities=[served_by_an_agent],
                workflow_runner=UnsandboxedWorkflowRunner(),
            )
        )
        yield env


@pytest.mark.slow
async def test_a_killed_agent_server_s_jobs_fail_at_once(dev_server: WorkflowEnvironment) -> None:
    client = dev_server.client
    handles = [
        await client.start_workflow(WaitsForItsAgent.run, id=f"session-{i}", task_queue="sentinel") for i in range(3)
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
