"""What the tests of a call have in common: a call that is begun, and what its agent does in it."""

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
"""The headline while an agent is there and silent; the microphone of these tests beeps now and then."""


async def start(page: Page) -> None:
    """Begin a call, and wait until the page is in its room."""
    await fill_and_start(page)
    await in_room(page)


async def fill_and_start(page: Page) -> None:
    """What it takes, by mouse."""
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Start talking").click()


async def in_room(page: Page) -> None:
    """Wait until the caller can be heard."""
    await page.wait_for_function("() => globalThis.fakeRoom?.publication")


def headline(page: Page) -> Locator:
    """Of the view that is shown."""
    return page.get_by_role("heading", level=1)


def button(page: Page, name: str) -> Locator:
    """By its whole name."""
    return page.get_by_role("button", name=name, exact=True)


async def caption(page: Page, identity: str, segment: str, *words: str, final: bool = True) -> None:
    """These words of a segment sound."""
    await page.evaluate("(said) => fakeRoom.caption(...said)", [identity, segment, list(words), final])


async def ready(page: Page, api: FakePlaygroundApi, generation: int = 1) -> None:
    """This agent comes into the room, and has the word."""
    await page.evaluate("(generation) => fakeRoom.agentComes(generation)", generation)
    await agent(api, "ready", generation)


async def agent(api: FakePlaygroundApi, state: str, generation: int, reason: str | None = None) -> None:
    """The session tells of an agent."""
    await api.happens("agent.state", state=state, generation=generation, reason=reason)


@asynccontextmanager
async def held(page: Page, pattern: str) -> AsyncIterator[asyncio.Event]:
    """Requests to these addresses wait for the end of the block. Gives what is set when the first has come."""
    has_come, may_go_on = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        has_come.set()
        await may_go_on.wait()
        await route.continue_()

    await page.route(pattern, hold)
    try:
        yield has_come
    finally:
        may_go_on.set()
        await page.unroute(pattern, hold)
