"""`python -m agent.host.sentinel <namespace> <failure type> <log format>`: reports the jobs of an ended AgentServer.

The AgentServer writes to the sentinel's standard input: first its connection to Temporal, then a line for each job
that starts or exits. When the AgentServer ends, even by `kill -9`, its job processes end with it and the input ends:
the sentinel then fails the task tokens of the jobs that were running.

Every AgentServer has one, so it imports little: no settings, no pydantic, no `temporalio.client`. Connection and task
tokens arrive ready for use over a private pipe.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import pickle
import sys
import time
from datetime import timedelta

from temporalio.service import ConnectConfig, RPCError, ServiceClient, WorkflowService

from agent.host.task_tokens import fail_token
from telemetry import logs
from telemetry.logs import LogFormat

logger = logging.getLogger("agent.host.sentinel")


_HEALTH_TIMEOUT = timedelta(seconds=5)
_LONGEST_LINE = 1 << 20
"""A connection can carry certificates."""


def connection_line(connection: ConnectConfig) -> bytes:
    """Serialize the AgentServer's connection to Temporal, the first line. It can hold keys."""
    return base64.b64encode(pickle.dumps(connection)) + b"\n"


def job_line(job_id: str, task_token: bytes | None = None) -> bytes:
    """Serialize the start of a job, or without a token its exit."""
    message = {"job": job_id} if task_token is None else {"job": job_id, "token": base64.b64encode(task_token).decode()}
    return json.dumps(message).encode() + b"\n"


async def read_running_jobs(lines: asyncio.StreamReader) -> dict[str, bytes]:
    """Read to the end of the input; return the jobs running then, with their task tokens."""
    running: dict[str, bytes] = {}
    async for line in lines:
        if not line.endswith(b"\n"):  # the AgentServer ended during a write
            break
        message = json.loads(line)
        if "token" in message:
            running[message["job"]] = base64.b64decode(message["token"])
        else:
            running.pop(message["job"], None)
    return running


async def report_failures(service: WorkflowService, namespace: str, failure_type: str, jobs: dict[str, bytes]) -> None:
    """Fail the tokens of all jobs concurrently."""
    now_ms, message = time.time_ns() // 1_000_000, "its agent server ended"
    failing = (
        fail_token(service, namespace, token, failure_type=failure_type, message=message, at_ms=now_ms)
        for token in jobs.values()
    )
    failed = await asyncio.gather(*failing)
    if jobs:
        logger.warning("the agent server ended: reported %d of its %d running jobs", sum(failed), len(jobs))


async def main(namespace: str, failure_type: str, log_format: LogFormat) -> None:
    """Read the input to its end, then report the running jobs."""
    logs.configure(log_format)
    lines = asyncio.StreamReader(limit=_LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    first = await lines.readline()
    if not first:
        return
    client = await ServiceClient.connect(pickle.loads(base64.b64decode(first)))  # noqa: S301  its parent wrote it
    # Connect before reading: a process that ends while it connects panics in Temporal's native code.
    try:
        await client.check_health(timeout=_HEALTH_TIMEOUT)
    except (RPCError, RuntimeError) as error:  # an outage: the report connects
        logger.info("Temporal does not answer yet (%s)", type(error).__name__)
    jobs = await read_running_jobs(lines)
    await report_failures(client.workflow_service, namespace, failure_type, jobs)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], "json" if sys.argv[3:] == ["json"] else "text"))
