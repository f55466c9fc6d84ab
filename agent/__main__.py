"""`python -m agent`: serve until SIGTERM or SIGINT, then let the jobs leave their rooms and stop."""

from __future__ import annotations

import asyncio
import logging
import signal

from agent.server import build_server
from settings import Settings


async def main() -> None:
    """Run one AgentServer. Ends with its error when LiveKit stays away, so that a supervisor starts it afresh."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    server = build_server(Settings())
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    serving = asyncio.create_task(server.run())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    await server.aclose()
    stopping.cancel()
    await serving


if __name__ == "__main__":
    asyncio.run(main())
