"""The AgentServer's side of its sentinel: starts it, sends it the running jobs, and restarts it when it exits."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from temporalio.client import Client

from agent.host.sentinel import connection_line, job_line
from contracts.failures import AGENT_SERVER_ENDED
from telemetry.logs import LogFormat

logger = logging.getLogger("agent.host.sentinel_keeper")

_RESTART_SECONDS = 0.5


class _Pipe(asyncio.BaseProtocol):
    """The writing end of a pipe; `broken` is set when its reader has exited."""

    def __init__(self) -> None:
        self.broken = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.broken.set()


class SentinelKeeper:
    """Keeps one sentinel alive from `start` to `aclose`, and sends every running job to each new one."""

    def __init__(self, log_format: LogFormat = "text") -> None:
        self._log_format = log_format
        self._running: dict[str, bytes] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: asyncio.WriteTransport | None = None
        self._keeping: asyncio.Task[None] | None = None

    def start(self, temporal: Client) -> None:
        """Start the sentinel in the background; it connects to Temporal as this client does."""
        self._keeping = asyncio.create_task(self._keep(temporal))

    def started(self, job_id: str, task_token: bytes) -> None:
        """Have the sentinel report this job if the AgentServer ends."""
        self._running[job_id] = task_token
        self._write(job_line(job_id, task_token))

    def exited(self, job_id: str) -> None:
        """Forget a job that has exited and whose token is settled."""
        if self._running.pop(job_id, None) is not None:
            self._write(job_line(job_id))

    @property
    def pid(self) -> int | None:
        """The sentinel's process id; None before the first one has started."""
        return self._process.pid if self._process else None

    async def aclose(self) -> None:
        """End the sentinel if every job has `exited`; otherwise end its input, and it reports the rest."""
        if self._keeping:
            self._keeping.cancel()
            with suppress(asyncio.CancelledError):
                await self._keeping
        if self._pipe:
            self._pipe.close()
        if self._process and not self._running:
            _end(self._process)

    async def _keep(self, temporal: Client) -> None:
        arguments = (temporal.namespace, AGENT_SERVER_ENDED, self._log_format)
        command = (sys.executable, "-m", "agent.host.sentinel", *arguments)
        while True:
            try:
                process = _start(command)
            except OSError as error:
                logger.warning("the sentinel could not be started: %s", error)
            else:
                self._process = process
                self._pipe, pipe = await asyncio.get_running_loop().connect_write_pipe(_Pipe, process.stdin)
                self._write(connection_line(temporal.service_client.config))
                for job_id, task_token in self._running.items():
                    self._write(job_line(job_id, task_token))
                await pipe.broken.wait()
                _end(process)
                logger.warning("the sentinel ended with status %d; starting another", process.returncode)
            await asyncio.sleep(_RESTART_SECONDS)

    def _write(self, line: bytes) -> None:
        if self._pipe and not self._pipe.is_closing():
            self._pipe.write(line)


def _start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    # In a new session, so that signals to the AgentServer's process group or terminal do not reach it. Not by asyncio,
    # which kills a process when its transport is collected.
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)  # noqa: S603


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
