"""The start: the form, its voices, and the list of recent sessions."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.calls import button, fill_and_start, headline, held, in_room, start
from tests.browser.looks import look
from tests.fakes.playground_api import SESSION, FakePlaygroundApi

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

VOICES = ("Ashley", "Craig", "Edward", "Olivia", "Priya", "Wendy")


async def test_the_start(page: Page, fake_api: FakePlaygroundApi) -> None:
    await expect(page.get_by_role("radio")).to_have_count(6)
    await expect(page.get_by_role("link", name="Grace")).to_contain_text("2:05")
    await look(page, "start")
    await button(page, "Garden shop").click()
    await expect(page.get_by_label("Opening line")).to_have_value(
        "Good morning, this is the garden shop. What would you like to know?"
    )
    await expect(page.get_by_role("radio", name="Olivia", exact=True)).to_be_checked()
    # By keyboard only, from the name to the call.
    await page.get_by_label("Your name").focus()
    await page.keyboard.type("Ada")
    await page.keyboard.press("Enter")
    await in_room(page)
    assert fake_api.started[0]["userName"] == "Ada"
    assert fake_api.started[0]["voiceId"] == "Olivia"
    assert await page.evaluate("() => fakeRoom.joined.token") == "header.claims.signature"
    assert await page.evaluate("() => Object.entries(sessionStorage)") == [["session", SESSION]]


async def test_voices_can_be_heard(page: Page) -> None:
    for name in VOICES:
        listen = page.get_by_role("button", name=f"Listen to {name}")
        async with page.expect_response(f"**/voices/{name}.mp3") as answer:
            await listen.click()
        assert (await answer.value).status in (200, 206)
        await expect(listen).to_have_class("listen playing")
    await expect(page.locator(".listen.playing")).to_have_count(1)
    await listen.click()
    await expect(listen).to_have_class("listen")
    await expect(page.locator(".listen")).to_have_count(len(VOICES))


async def test_errors_of_the_api_are_shown(page: Page, fake_api: FakePlaygroundApi) -> None:
    await button(page, "Start talking").click()
    await expect(page.get_by_role("alert")).to_have_text("userName: must not be blank")
    await expect(page.get_by_label("Your name")).to_be_focused()
    await look(page, "start-refused")
    fake_api.refusals["start"] = (503, "Failed to queue voice agent spawn task: no worker answered within 10 seconds.")
    await fill_and_start(page)
    await expect(page.get_by_role("alert")).to_have_text(fake_api.refusals["start"][1])
    await button(page, "Start talking").click()
    await expect(page.get_by_role("alert")).to_have_text(fake_api.refusals["start"][1])
    assert len(set(fake_api.keys)) == len(fake_api.keys) == 3


async def test_a_slow_start(page: Page) -> None:
    async with held(page, "**/api/session/start"):
        await fill_and_start(page)
        await expect(button(page, "Starting")).to_be_disabled()
        await look(page, "start-starting")
    await in_room(page)


async def test_a_lost_answer_starts_no_second_session(page: Page, fake_api: FakePlaygroundApi) -> None:
    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await page.route("**/api/session/start", lose)
    await fill_and_start(page)
    await expect(page.get_by_role("alert")).to_have_text("The API cannot be reached.")
    await page.unroute("**/api/session/start", lose)
    await button(page, "Start talking").click()
    await in_room(page)
    assert len(fake_api.keys) == 2
    assert len(set(fake_api.keys)) == 1
    assert fake_api.keys[0]


async def test_unreadable_recent_sessions(page: Page, fake_api: FakePlaygroundApi) -> None:
    fake_api.refusals["sessions"] = (503, "Temporal is unreachable.")
    await page.reload()
    await expect(page.get_by_text("Temporal is unreachable.")).to_be_visible()
    await expect(headline(page)).to_have_text("Talk to it")
    await look(page, "start-without-list")


async def test_a_call_that_has_ended_is_not_shown_as_live(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await button(page, "End").click()
    fake_api.list_lags = True
    await button(page, "Start again").click()
    await expect(page.get_by_role("link", name="Ada")).to_contain_text("ended")
    await expect(page.locator("#recent .live")).to_have_count(0)
