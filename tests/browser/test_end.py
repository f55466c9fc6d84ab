"""The end of a call: by its button, elsewhere, or a failed one."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.calls import LISTENS, button, headline, held, ready, start
from tests.browser.looks import look
from tests.fakes.playground_api import SESSION, FakePlaygroundApi

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_a_call_can_be_ended_before_it_is_joined(page: Page) -> None:
    await start(page)
    async with held(page, "**/token"):
        await page.reload()
        await expect(headline(page)).to_have_text("Connecting")
        await look(page, "call-connecting")
        await button(page, "End").click()
        await expect(headline(page)).to_have_text("Thank you for the call")
    await expect(headline(page)).to_have_text("Thank you for the call")


async def test_a_slow_end(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await ready(page, fake_api)
    async with held(page, "**/api/session/end") as asked:
        await button(page, "End").click()
        await expect(headline(page)).to_have_text("Ending")
        await asked.wait()
        await page.evaluate("() => { fakeRoom.emit('Reconnecting'); fakeRoom.emit('Reconnected'); }")
        await expect(headline(page)).to_have_text("Ending")
        await look(page, "call-ending")
        assert await page.evaluate("() => [fakeRoom.publication.isMuted, fakeLog.level]") == [True, "silent"]
        await fake_api.over("api_request")  # the event arrives before the answer with the bill
    await expect(page.get_by_text("You ended it, and this is the bill.")).to_be_visible()


async def test_a_failed_end_lets_the_call_continue(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await ready(page, fake_api)
    fake_api.refusals["end"] = (503, "Failed to end session: Temporal is unreachable.")
    await button(page, "End").click()
    await expect(page.get_by_role("status")).to_have_text(fake_api.refusals["end"][1])
    await expect(headline(page)).to_have_text(LISTENS)
    await look(page, "call-end-refused")
    assert await page.evaluate("() => [fakeRoom.publication.isMuted, fakeLog.level]") == [False, "info"]
    # Room events during a pending end are handled if it fails.
    first = await page.evaluate_handle("() => fakeRoom")
    async with held(page, "**/api/session/end") as asked:
        await button(page, "End").click()
        await asked.wait()
        await page.evaluate("() => fakeRoom.emit('Disconnected', 3)")
    await page.wait_for_function("(first) => fakeRoom !== first && fakeRoom.publication", arg=first)
    del fake_api.refusals["end"]
    await button(page, "End").click()
    await expect(headline(page)).to_have_text("Thank you for the call")


async def test_an_end_of_an_ended_session(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    fake_api.refusals["end"] = (503, "Failed to end session: Temporal is unreachable.")
    async with held(page, "**/api/session/end") as asked:
        await button(page, "End").click()
        await asked.wait()
        await fake_api.happens("session.state", state="ending", previous="active")
        await fake_api.over("max_duration")
        await expect(page.locator("#session-state")).to_have_text("ending")
    await expect(page.get_by_text("It reached its longest duration.")).to_be_visible()


async def test_a_session_that_is_ended_elsewhere(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await fake_api.happens("session.state", state="ending", previous="active")
    await page.wait_for_function("() => fakeLog.level === 'silent'")
    await fake_api.over("api_request")
    await expect(page.get_by_text("It was ended elsewhere, while you were in it.")).to_be_visible()
    await look(page, "record-ended-elsewhere")
    assert await page.evaluate("() => fakeRoom.left && fakeRoom.publication.track.readyState") == "ended"


async def test_a_session_that_is_terminated_in_temporal(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await ready(page, fake_api)
    await expect(headline(page)).to_have_text(LISTENS)
    await fake_api.terminated()
    # The browser reconnects to the log by itself, after its own delay.
    await expect(page.get_by_text("It was terminated in Temporal.")).to_be_visible(timeout=20_000)
    assert await page.evaluate("() => fakeRoom.left")


async def test_a_reload_after_the_end(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    fake_api.end_reason = "caller_left"
    fake_api.refusals["token"] = (409, f"Session {SESSION} has ended or is about to; start a new one.")
    await page.reload()
    await expect(page.get_by_text("the caller left")).to_be_visible()
    assert await page.evaluate("() => sessionStorage.length") == 0
