"""`python -m agent.host.sentinel <namespace> <failure type> <log format>`: reports an AgentServer that died with jobs.

The AgentServer holds the other end of the standard input. Its first line says how to connect to Temporal, then it
writes a line when a job begins or ends. However it dies, also by `kill -9`, the input ends, and whatever still runs
then is lost: the job processes of a killed AgentServer end with it.

It imports as little as it can, since every AgentServer has one: no settings, no pydantic, no `temporalio.client`. So
the connection and the task tokens arrive ready for use, over a pipe that nobody else has.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import pickle
import sys
from datetime import timedelta

from temporalio.service import ConnectConfig, RPCError, ServiceClient, WorkflowService

from agent.host.task_tokens import fail_token
from telemetry import logs
from telemetry.logs import LogFormat

logger = logging.getLogger("agent.host.sentinel")


_HEALTH_TIMEOUT = timedelta(seconds=5)
_LONGEST_LINE = 1 << 20
"""A connection may carry certificates."""


def connection_line(connection: ConnectConfig) -> bytes:
    """The first line: how the AgentServer itself connects to Temporal. It may hold keys."""
    return base64.b64encode(pickle.dumps(connection)) + b"\n"


def running_line(job_id: str, task_token: bytes) -> bytes:
    """The line that says: this job runs."""
    return _line({"job": job_id, "token": base64.b64encode(task_token).decode()})


def exited_line(job_id: str) -> bytes:
    """The line that says: this job is gone, and nobody need speak for it."""
    return _line({"job": job_id})


def _line(message: dict[str, str]) -> bytes:
    return json.dumps(message).encode() + b"\n"


async def read_running_jobs(lines: asyncio.StreamReader) -> dict[str, bytes]:
    """Read until the input ends; gives the jobs that ran at that moment with their task tokens."""
    running: dict[str, bytes] = {}
    async for line in lines:
        if not line.endswith(b"\n"):  # cut off in the middle of a write
            break
        message = json.loads(line)
        if "token" in message:
            running[message["job"]] = base64.b64decode(message["token"])
        else:
            running.pop(message["job"], None)
    return running


async def report_failures(service: WorkflowService, namespace: str, failure_type: str, jobs: dict[str, bytes]) -> None:
    """Fail the tokens of all these jobs at once."""
    failing = (
        fail_token(service, namespace, token, failure_type=failure_type, message="its agent server ended")
        for token in jobs.values()
    )
    failed = await asyncio.gather(*failing)
    if jobs:
        logger.warning("the agent server ended; of its %d jobs, %d are reported lost", len(jobs), sum(failed))


async def main(namespace: str, failure_type: str, log_format: LogFormat) -> None:
    """Wait for the end of the input, then report what ran."""
    logs.configure(log_format)
    lines = asyncio.StreamReader(limit=_LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    first = await lines.readline()
    if not first:
        return
    client = await ServiceClient.connect(pickle.loads(base64.b64decode(first)))  # noqa: S301  its parent wrote it
    await _connect(client)
    jobs = await read_running_jobs(lines)
    await report_failures(client.workflow_service, namespace, failure_type, jobs)


async def _connect(client: ServiceClient) -> None:
    """Have the connection there when it is needed; where Temporal is away now, the report makes it.

    It comes before the reading, since a process that ends while it connects panics in Temporal's native code.
    """
    try:
        await client.check_health(timeout=_HEALTH_TIMEOUT)
    except (RPCError, RuntimeError) as error:
        logger.info("Temporal does not answer yet: %s", error)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], "json" if sys.argv[3:] == ["json"] else "text"))
