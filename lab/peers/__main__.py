"""`python -m lab.peers PORT MAX_JOBS`: runs the plain worker until SIGTERM. PORT has its health endpoint."""

from __future__ import annotations

import asyncio
import signal
import sys

from lab.peers.plain_agent import build_server
from settings import Settings


async def _serve(port: int, max_jobs: int) -> None:
    server = build_server(Settings(), port, max_jobs)
    asked_to_stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, asked_to_stop.set)
    running, waiting = asyncio.create_task(server.run()), asyncio.create_task(asked_to_stop.wait())
    await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await server.aclose()
    await running


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), int(sys.argv[2])))
