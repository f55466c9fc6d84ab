"""The page as a whole: the choice of its view, and its look before there is one."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.browser.calls import button, fill_and_start, headline, held, in_room
from tests.fakes.playground_api import OTHER, FakePlaygroundApi

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

KEEP_MICROPHONES = """() => {
  const open = MediaDevices.prototype.getUserMedia;
  globalThis.microphones = [];
  MediaDevices.prototype.getUserMedia = async function (wanted) {
    const stream = await open.call(this, wanted);
    microphones.push(stream.getAudioTracks()[0]);
    return stream;
  };
}"""


async def test_a_late_record_does_not_replace_a_call(page: Page) -> None:
    async with page.expect_response(f"**/session/{OTHER}") as late, held(page, f"**/session/{OTHER}") as asked:
        await page.get_by_role("link", name="Grace").click()
        await asked.wait()
        await fill_and_start(page)
        await in_room(page)
    await (await late.value).finished()
    await expect(button(page, "End")).to_be_visible()
    await expect(button(page, "Start again")).to_be_hidden()


async def test_an_abandoned_start_is_ended(page: Page, fake_api: FakePlaygroundApi) -> None:
    await page.evaluate(KEEP_MICROPHONES)
    async with page.expect_response("**/api/session/end") as ended, held(page, "**/api/session/start") as asked:
        await fill_and_start(page)
        await asked.wait()
        await page.get_by_role("link", name="Grace").click()
        await expect(headline(page)).to_have_text("Grace called")
    assert (await ended.value).ok
    await expect(headline(page)).to_have_text("Grace called")
    assert await page.evaluate("() => microphones.map((one) => one.readyState)") == ["ended"]
    assert await page.evaluate("() => fakeRooms.length") == 0
    assert fake_api.end_reason == "api_request"


async def test_nothing_is_shown_before_the_style_is_loaded(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    held = asyncio.Event()

    async def hold(route: Route) -> None:
        await held.wait()
        await route.continue_()

    await page.route("**/call.css", hold)
    async with page.expect_response("**/app.js"):
        await page.goto(f"{address}/playground", wait_until="commit")
    assert await page.locator("main:visible").count() == 0
    held.set()
    await expect(headline(page)).to_have_text("Talk to it")


async def test_without_scripts_the_page_says_what_it_needs(browser: Browser, address: str) -> None:
    page = await browser.new_page(java_script_enabled=False)
    await page.goto(f"{address}/playground")
    await expect(page.locator(".without-scripts")).to_be_visible()


async def test_captions_and_turns_match_by_whole_words(page: Page) -> None:
    assert await page.evaluate(
        """async () => {
          const { Dialogue } = await import(new URL("playground/dialogue.js", location.href));
          const dialogue = new Dialogue(() => {});
          const agent = { role: "agent", generation: 1 };
          dialogue.caption({ ...agent, segment: "A", text: "I know.", closed: false });
          dialogue.caption({ ...agent, segment: "B", text: "...", closed: false });
          dialogue.turn({ ...agent, number: 1, text: "No.", interrupted: false });
          return dialogue.entries.map((entry) => entry.text);
        }"""
    ) == ["I know.", "...", "No."]
