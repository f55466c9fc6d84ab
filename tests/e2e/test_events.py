"""Server-sent events through kills of the API: each once, in order, the bill last."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest

from lab.caller import Caller

if TYPE_CHECKING:
    from lab.chaos.world import World

pytestmark = pytest.mark.slow

KILLS = 2


class Watcher:
    """Follows a session as a browser does, reconnecting with its last event id."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.events: list[dict[str, Any]] = []
        self.breaks = 0

    async def follow(self) -> None:
        """Return when the server says that the stream is complete."""
        async with httpx.AsyncClient(timeout=httpx.Timeout(5, read=30)) as http:
            while True:
                try:
                    if await self._read(http):
                        return
                except httpx.TransportError:
                    self.breaks += 1
                await asyncio.sleep(0.1)

    async def _read(self, http: httpx.AsyncClient) -> bool:
        headers = {"Last-Event-ID": str(len(self.events))}
        async with http.stream("GET", self._url, headers=headers) as answer:
            if answer.status_code == 204:
                return True
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    self.events.append(json.loads(line.removeprefix("data: ")))
        return False

    async def received(self, kind: str, count: int = 1) -> None:
        """Wait for `count` events of this type."""
        async with asyncio.timeout(30):
            while sum(event["type"] == kind for event in self.events) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_events_resume_after_kills_of_the_api(world: World) -> None:
    started = await world.rest.start("watched")
    url = f"http://127.0.0.1:{world.stack.settings.api.port}/api/session/{started.session_id}/events"
    watcher, late = Watcher(url), Watcher(url)
    following = asyncio.create_task(watcher.follow())
    async with Caller(started.server_url, started.token) as caller:
        await caller.hear()
        for number in range(1, KILLS + 1):
            await watcher.received("turn", number)
            pid = world.stack.pid("api")
            psutil.Process(pid).kill()
            await world.replaced("api", pid)
            await caller.say("What is the capital of France?")
            await caller.hear()
        await world.rest.end(started.session_id)
    async with asyncio.timeout(60):
        await following
        await late.follow()
    assert watcher.breaks >= KILLS
    assert [event["id"] for event in watcher.events] == list(range(1, len(watcher.events) + 1))
    assert [event["type"] for event in watcher.events].count("session.ended") == 1
    assert watcher.events[-1]["type"] == "session.ended"
    assert watcher.events[-1]["data"]["endReason"] == "api_request"
    turns = [event["data"] for event in watcher.events if event["type"] == "turn"]
    async with httpx.AsyncClient() as http:
        transcript = (await http.get(url.removesuffix("events") + "transcript")).json()["turns"]
    assert turns == transcript
    assert late.events == watcher.events
