"""The record of an ended session."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.calls import button, headline, in_room, start
from tests.browser.looks import look
from tests.fakes.playground_api import OTHER, SESSION, FakePlaygroundApi

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

AWAY = (503, "Temporal is unreachable.")


async def open_session(page: Page, session_id: str) -> None:
    """Open a session by its link."""
    await page.evaluate("(id) => { location.hash = id; }", session_id)


async def test_an_earlier_session(page: Page) -> None:
    await page.get_by_role("link", name="Grace").click()
    await expect(headline(page)).to_have_text("Grace called")
    await expect(page.get_by_text("Nothing was said.")).to_be_visible()
    assert page.url.endswith(f"#{OTHER}")
    await look(page, "record-of-another")
    await page.go_back()
    await expect(headline(page)).to_have_text("Talk to it")


async def test_a_live_session_can_be_joined(page: Page) -> None:
    await open_session(page, SESSION)
    await expect(headline(page)).to_have_text("This session goes on")
    await look(page, "record-live")
    await button(page, "Join this session").click()
    await in_room(page)


async def test_an_ending_session_is_polled_until_it_has_ended(page: Page, fake_api: FakePlaygroundApi) -> None:
    fake_api.state = "ending"
    await open_session(page, SESSION)
    await expect(page.get_by_text("It is ending, and its bill is being made.")).to_be_visible()
    await look(page, "record-ending")
    fake_api.end_reason = "caller_left"
    await expect(page.locator("#record-lede")).to_contain_text("It ended: the caller left.", timeout=20_000)
    await expect(page.get_by_role("definition").filter(has_text="3 min")).to_be_visible()


async def test_unconfirmed_cleanup_is_shown(page: Page, fake_api: FakePlaygroundApi) -> None:
    fake_api.errors = ["The LiveKit room is not deleted yet; it goes on being tried."]
    await start(page)
    await button(page, "End").click()
    await expect(page.get_by_text(fake_api.errors[0])).to_be_visible()
    await look(page, "record-with-errors")


async def test_the_bill_is_shown_without_the_rest(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    fake_api.refusals |= {"session": AWAY, "transcript": AWAY}
    await button(page, "End").click()
    await expect(headline(page)).to_have_text("Thank you for the call")
    await expect(page.get_by_role("definition").filter(has_text="3 min")).to_be_visible()
    await expect(page.locator("#transcript-note")).to_have_text("Temporal is unreachable.")
    await look(page, "record-bill-alone")


async def test_an_unreadable_session(page: Page, fake_api: FakePlaygroundApi) -> None:
    fake_api.refusals["session"] = AWAY
    await open_session(page, OTHER)
    await expect(headline(page)).to_have_text("This session cannot be read just now")
    await look(page, "trouble-unread")
    del fake_api.refusals["session"]
    await button(page, "Try again").click()
    await expect(headline(page)).to_have_text("Grace called")


async def test_a_transcript_is_copied(page: Page, fake_api: FakePlaygroundApi) -> None:
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await start(page)
    await fake_api.happens("turn", role="agent", text="Hello!")
    await button(page, "End").click()
    await button(page, "Copy").click()
    await expect(page.get_by_text("Copied.")).to_be_visible()
    assert await page.evaluate("() => navigator.clipboard.readText()") == "Agent: Hello!\n"
    await page.evaluate("() => { navigator.clipboard.writeText = async () => { throw new Error('no'); }; }")
    await button(page, "Copy").click()
    await expect(page.get_by_text("The browser did not let the page copy; save it instead.")).to_be_visible()
