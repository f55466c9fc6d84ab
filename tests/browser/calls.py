"""Steps of a call for its tests: its start, its agent and its captions."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Locator, Page, Route

from tests.fakes.playground_api import FakePlaygroundApi

CALLER = "user_Ada"
AGENT = "agent_1_AJ_x"
REFUSE_MICROPHONE = (
    "MediaDevices.prototype.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError'); };"
)
LISTENS = re.compile("^(The agent listens|You speak)$")
"""The headline while the agent listens. The fake microphone beeps now and then."""


async def start(page: Page) -> None:
    """Start a call, and wait until the page is in its room."""
    await fill_and_start(page)
    await in_room(page)


async def fill_and_start(page: Page) -> None:
    """Fill in the form and click."""
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Start talking").click()


async def in_room(page: Page) -> None:
    """Wait until the microphone is published."""
    await page.wait_for_function("() => globalThis.fakeRoom?.publication")


def headline(page: Page) -> Locator:
    """The headline of the current view."""
    return page.get_by_role("heading", level=1)


def button(page: Page, name: str) -> Locator:
    """A button by its exact name."""
    return page.get_by_role("button", name=name, exact=True)


async def caption(page: Page, identity: str, segment: str, *words: str, final: bool = True) -> None:
    """The words of a caption segment."""
    await page.evaluate("(segment) => fakeRoom.caption(...segment)", [identity, segment, list(words), final])


async def ready(page: Page, api: FakePlaygroundApi, generation: int = 1) -> None:
    """The agent joins the room and has the floor."""
    await page.evaluate("(generation) => fakeRoom.agentComes(generation)", generation)
    await agent(api, "ready", generation)


async def agent(api: FakePlaygroundApi, state: str, generation: int, reason: str | None = None) -> None:
    """The session emits `agent.state`."""
    await api.happens("agent.state", state=state, generation=generation, reason=reason)


@asynccontextmanager
async def held(page: Page, pattern: str) -> AsyncIterator[asyncio.Event]:
    """Hold requests to these addresses until the block ends. The event is set when the first arrives."""
    has_arrived, may_continue = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        has_arrived.set()
        await may_continue.wait()
        await route.continue_()

    await page.route(pattern, hold)
    try:
        yield has_arrived
    finally:
        may_continue.set()
        await page.unroute(pattern, hold)
