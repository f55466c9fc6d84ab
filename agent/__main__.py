"""`python -m agent`: runs one AgentServer. SIGTERM drains it; a second SIGTERM, SIGINT or SIGQUIT stops it at once.

Programs should send SIGQUIT: livekit-agents ignores SIGINT for moments while it starts a process.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Coroutine, Sequence

from livekit.agents import AgentServer

from agent.host.agent_server import build_server
from agent.host.capacity import capacity_of
from agent.host.drain import drain
from agent.host.jobs import Jobs
from agent.host.launcher import pull_launches
from agent.speech import providers
from connections.livekit_client import livekit_api
from errors import SetupError
from settings import Settings
from telemetry import logs

logger = logging.getLogger("agent")


class StopSignals:
    """Signals received: `drain` after the first SIGTERM, `stop` after any other."""

    def __init__(self) -> None:
        self.drain = asyncio.Event()
        self.stop = asyncio.Event()

    def install(self) -> None:
        """Handle signals from here on."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        for signum in (signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(signum, self.stop.set)

    def _terminate(self) -> None:
        (self.stop if self.drain.is_set() else self.drain).set()


async def serve(
    server: AgentServer,
    pull: Coroutine[None, None, None],
    jobs: Jobs,
    signals: StopSignals,
    drain_seconds: float,
) -> None:
    """Serve until a signal, drain, and close the server and its jobs. `pull` takes launches until it is cancelled.

    Raises the error that ended the AgentServer or the pulling: a supervisor should restart the process.
    """
    serving, pulling = asyncio.create_task(server.run(unregistered=True)), asyncio.create_task(pull)
    try:
        await _wait_for_first((serving, pulling), signals.drain.wait(), signals.stop.wait())
        pulling.cancel()
        await asyncio.wait([pulling])
        if not serving.done() and not signals.stop.is_set():
            await _wait_for_first((serving,), drain(server, jobs, drain_seconds), signals.stop.wait())
    finally:
        await server.aclose()
        await jobs.aclose()
    await serving
    if not pulling.cancelled():
        await pulling


async def _wait_for_first(running: Sequence[asyncio.Task[None]], *others: Coroutine[None, None, object]) -> None:
    """Wait until one of them is done; cancel the others, except the running ones."""
    tasks = [asyncio.create_task(other) for other in others]
    await asyncio.wait([*running, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            logger.error("stopping without a drain", exc_info=outcome)


async def main() -> None:
    """Run one agent host."""
    settings = Settings()
    logs.configure(settings.telemetry.log_format)
    providers.check(settings.speech)
    server = build_server(settings)
    capacity = capacity_of(server, settings.agent.max_jobs)
    jobs = Jobs(server, settings, capacity.note_lateness)
    signals = StopSignals()
    signals.install()
    async with livekit_api(settings.livekit) as livekit:
        pull = pull_launches(server, jobs, capacity, livekit, settings)
        await serve(server, pull, jobs, signals, settings.agent.drain_seconds)


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except SetupError as error:
        sys.exit(str(error))
