"""The processes that the soak kills: workers and APIs, each started again as soon as it is gone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_STOP_SECONDS = 20.0
_SERVES = {"worker": b"serving task queue", "api": b"Application startup complete"}
"""What a module writes to its log when it can serve."""


class Service:
    """One `python -m module`, restarted whenever it ends, until `stop`."""

    def __init__(self, name: str, module: str, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.module = module
        self.kills = 0
        self._environment = environment
        self._log = log
        self._log_began = 0
        self._process: Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start it; returns at once."""
        self._keeper = asyncio.create_task(self._keep(), name=f"keeper of {self.name}")

    def kill(self) -> None:
        """SIGKILL, by process id. One that is being started again at this moment is spared."""
        if self._process is not None and self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGKILL)
            self.kills += 1

    @property
    def serves(self) -> bool:
        """Whether the process that runs now has said that it can serve."""
        if self._process is None or self._process.returncode is not None:
            return False
        with self._log.open("rb") as log:
            log.seek(self._log_began)
            return _SERVES[self.module] in log.read()

    async def stop(self) -> None:
        """Ask it to end and wait; kill it when it takes too long."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _keep(self) -> None:
        with self._log.open("ab") as log:
            while True:
                self._log_began = self._log.stat().st_size
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", self.module), cwd=_ROOT, env=self._environment, stdout=log, stderr=log
                )
                await self._process.wait()
