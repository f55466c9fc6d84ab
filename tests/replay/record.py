"""Records the histories that `test_replay.py` replays: `python -m tests.replay.record`, in the project's folder.

Run it after a change of the workflow that is meant to alter its history; running sessions of the old kind then need
their own worker version until they have ended.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from contracts import AgentState, SessionLimits
from tests.fakes.activities import FakeActivities
from tests.workflows.dev_server import dev_server
from tests.workflows.driver import Session
from worker import build_worker

HISTORIES = Path(__file__).parent / "histories"
QUEUE = "recording"
LIMITS = SessionLimits(no_show_seconds=1, reconnect_grace_seconds=1, agent_max_losses_per_minute=2)


async def conversation(session: Session) -> None:
    agent = await session.in_conversation()
    await agent.say("Hello!")
    await agent.say("What is the time?", role="caller")
    await session.end()


async def agent_lost(session: Session) -> None:
    first = await session.in_conversation()
    await first.say("Hello!")
    await first.crash()
    await session.agent()
    await session.until(AgentState.READY)
    await session.end()


async def crash_loop(session: Session) -> None:
    await session.start()
    for _ in range(2):
        await (await session.agent()).crash()


async def no_show(session: Session) -> None:
    await session.start()
    await session.agent()


async def caller_left(session: Session) -> None:
    await session.in_conversation()
    await session.leave()


async def cancelled(session: Session) -> None:
    await session.in_conversation()
    await session.handle.cancel()


async def ticket_failed(session: Session) -> None:
    session.scene.ticket_failures = 2
    await session.start()


SCRIPTS: list[Callable[[Session], Awaitable[None]]] = [
    *(conversation, agent_lost, crash_loop, no_show, caller_left, cancelled, ticket_failed)
]


def _anonymous(part: Any) -> Any:
    """Without stack traces: they name the folders of whoever records."""
    if isinstance(part, dict):
        return {key: _anonymous(value) for key, value in part.items() if key != "stackTrace"}
    return [_anonymous(each) for each in part] if isinstance(part, list) else part


async def main() -> None:
    async with dev_server(identity="recorder") as env:
        fakes = FakeActivities(env.client)
        async with build_worker(env.client, fakes, QUEUE):
            for script in SCRIPTS:
                session = Session(env, fakes, QUEUE, LIMITS)
                await script(session)
                await session.result()
                history = (await session.handle.fetch_history()).to_json_dict()
                (HISTORIES / f"{script.__name__}.json").write_text(json.dumps(_anonymous(history), indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
