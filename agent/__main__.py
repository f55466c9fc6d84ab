"""`python -m agent`: serve. SIGTERM hands the sessions over to other AgentServers; another one, or SIGINT, leaves now.

SIGQUIT is SIGINT for programs: livekit-agents ignores SIGINT for moments while it starts a process.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine
from typing import Any

from livekit.agents import AgentServer

from agent.host.agent_server import build_server
from agent.host.drain import drain
from agent.host.lost_jobs import JobWatch
from agent.speech import providers
from errors import SetupError
from settings import Settings
from telemetry import logs

logger = logging.getLogger("agent")


class StopSignals:
    """What the process was told by signals."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.leave = asyncio.Event()

    def install(self) -> None:
        """From here on signals give the signals."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        for signum in (signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(signum, self.leave.set)

    def _terminate(self) -> None:
        (self.leave if self.drain.is_set() else self.drain).set()


async def serve(server: AgentServer, jobs: JobWatch, signals: StopSignals, drain_seconds: float) -> None:
    """Serve until ordered to stop, then close what is left in order.

    Raises the AgentServer's own error when it gives up, since LiveKit stayed away for minutes: a supervisor should
    start the process afresh.
    """
    serving = asyncio.create_task(server.run())
    try:
        await _first(serving, signals.drain.wait(), signals.leave.wait())
        if not serving.done() and not signals.leave.is_set():
            await _first(serving, drain(server, jobs, drain_seconds), signals.leave.wait())
    finally:
        await server.aclose()
        await jobs.aclose()
    await serving


async def _first(serving: asyncio.Task[None], *others: Coroutine[Any, Any, Any]) -> None:
    """Until one of them is done; the others are cancelled, but not the serving."""
    tasks = [asyncio.create_task(other) for other in others]
    await asyncio.wait([serving, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            logger.error("leaving without a drain", exc_info=outcome)


async def main() -> None:
    """Run one AgentServer."""
    settings = Settings()
    logs.configure(settings.telemetry.log_format)
    providers.check(settings.speech)
    server = build_server(settings)
    jobs = JobWatch(server, settings)
    signals = StopSignals()
    signals.install()
    await serve(server, jobs, signals, settings.agent.drain_seconds)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except SetupError as error:
        sys.exit(str(error))
