"""Problems that prevent a call, and their remedies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.calls import REFUSE_MICROPHONE, button, fill_and_start, headline, start
from tests.browser.looks import Watch, look
from tests.fakes.playground_api import LIVEKIT, FakePlaygroundApi

if TYPE_CHECKING:
    from tests.browser.conftest import OpenBrowser

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_livekit_cannot_be_reached(page: Page) -> None:
    await page.evaluate("() => { LivekitClient.Room.joins = false; }")
    await fill_and_start(page)
    await expect(headline(page)).to_have_text("LiveKit cannot be reached")
    await expect(page.get_by_text("ws://127.0.0.1:9: could not establish")).to_be_visible()
    await look(page, "trouble-unreachable")
    await button(page, "End the session").click()
    await expect(headline(page)).to_have_text("Thank you for the call")


async def test_the_policy_lets_the_library_reach_livekit(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    watch = Watch(page, address, LIVEKIT, LIVEKIT.replace("ws", "http"))
    await page.goto(f"{address}/playground")
    await fill_and_start(page)
    await expect(headline(page)).to_have_text("LiveKit cannot be reached", timeout=30_000)
    assert watch.foreign_requests == []
    assert [text for text in watch.errors if "Content Security Policy" in text] == []


async def test_an_unknown_session(page: Page, address: str) -> None:
    await page.goto(f"{address}/playground#session_1_nobody")
    await expect(headline(page)).to_have_text("This session is not known")
    await look(page, "trouble-unknown")


@pytest.mark.parametrize(
    ("error", "title"),
    [
        ("NotAllowedError", "The microphone was refused"),
        ("NotFoundError", "There is no microphone"),
        ("NotReadableError", "The microphone does not answer"),
    ],
)
async def test_no_microphone(page: Page, fake_api: FakePlaygroundApi, error: str, title: str) -> None:
    await page.evaluate(
        "(name) => { MediaDevices.prototype.getUserMedia = async () => { throw new DOMException('no', name); }; }",
        error,
    )
    await fill_and_start(page)
    await expect(headline(page)).to_have_text(title)
    assert fake_api.started == []  # no session is started
    await look(page, f"trouble-{error}")


async def test_no_microphone_for_a_live_session(page: Page) -> None:
    await start(page)
    await page.add_init_script(REFUSE_MICROPHONE)
    await page.reload()
    await expect(headline(page)).to_have_text("The microphone was refused")
    names = ["Try again", "End the session", "Back to the start"]
    await expect(page.locator("#trouble-actions button")).to_have_text(names)
    await look(page, "trouble-microphone-of-a-session")
    await button(page, "End the session").click()
    await expect(headline(page)).to_have_text("Thank you for the call")


async def test_the_browser_itself_refuses_the_microphone(open_browser: OpenBrowser, address: str) -> None:
    async with open_browser() as browser:
        page = await browser.new_page(permissions=[])
        await page.goto(f"{address}/playground")
        await fill_and_start(page)
        await expect(headline(page)).to_have_text("The microphone was refused")


async def test_an_insecure_address(open_browser: OpenBrowser, address: str) -> None:
    async with open_browser("--host-resolver-rules=MAP playground.test 127.0.0.1") as browser:
        page = await browser.new_page()
        await page.goto(f"{address.replace('127.0.0.1', 'playground.test')}/playground")
        await fill_and_start(page)
        await expect(headline(page)).to_have_text("This address is not safe enough")
        await look(page, "trouble-insecure")


async def test_an_unexpected_error(page: Page) -> None:
    await page.evaluate("() => { LivekitClient.Room.prototype.on = () => { throw new TypeError('never seen'); }; }")
    await fill_and_start(page)
    await expect(headline(page)).to_have_text("Something is in the way")
    await expect(page.get_by_text("never seen")).to_be_visible()
    await look(page, "trouble-other")


async def test_an_end_that_is_refused(page: Page, fake_api: FakePlaygroundApi) -> None:
    await page.evaluate("() => { LivekitClient.Room.joins = false; }")
    await fill_and_start(page)
    fake_api.refusals["end"] = (503, "Failed to end session: Temporal is unreachable.")
    await button(page, "End the session").click()
    await expect(page.get_by_text(fake_api.refusals["end"][1])).to_be_visible()
    await expect(headline(page)).to_have_text("LiveKit cannot be reached")
