"""A call whose connection fails: when the page rejoins, and when it does not."""

from __future__ import annotations

import pytest
from playwright.async_api import Page, expect

from tests.browser.calls import LISTENS, REFUSE_MICROPHONE, button, headline, ready, start
from tests.browser.looks import look
from tests.fakes.playground_api import FakePlaygroundApi

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]

LONGER_THAN_ALL_ATTEMPTS_MS = 30_000


async def joined_anew(page: Page, rooms: int) -> None:
    """Wait until the microphone is published in the last of this many rooms."""
    await page.wait_for_function("(rooms) => fakeRooms.length === rooms && fakeRoom.publication", arg=rooms)


async def test_the_connection_fails_and_recovers(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await ready(page, fake_api)
    await button(page, "Mute").click()
    await page.evaluate("() => fakeRoom.emit('Reconnecting')")
    await expect(headline(page)).to_have_text("Connection lost")
    await look(page, "call-connection-lost")
    await page.evaluate("() => fakeRoom.emit('Reconnected')")
    await expect(headline(page)).to_have_text("You are muted")
    first = await page.evaluate_handle("() => fakeRoom")
    await page.evaluate("() => fakeRoom.emit('Disconnected', 3)")  # the server was restarted
    await page.wait_for_function("(first) => fakeRoom !== first && fakeRoom.publication", arg=first)
    assert fake_api.tokens == 1
    await expect(headline(page)).to_have_text("You are muted")
    assert await page.evaluate("() => fakeRoom.publication.isMuted")


async def test_one_room_is_joined_after_failed_attempts(page: Page, fake_api: FakePlaygroundApi) -> None:
    await page.clock.install()
    await start(page)
    await ready(page, fake_api)
    await page.evaluate("() => { LivekitClient.Room.joins = false; fakeRoom.emit('Disconnected', 3); }")
    await expect(page.get_by_role("status")).to_contain_text("the page tries again")
    await look(page, "call-rejoining")
    await page.clock.run_for(1_500)
    await page.wait_for_function("() => LivekitClient.Room.attempts >= 3")
    await page.evaluate("() => { LivekitClient.Room.joins = true; LivekitClient.Room.publishes = false; }")
    await page.clock.run_for(2_000)
    await page.wait_for_function("() => fakeRooms.length === 2 && fakeRoom.left")  # joined, but unable to publish
    await page.evaluate("() => { LivekitClient.Room.publishes = true; }")
    await page.clock.run_for(4_000)
    await joined_anew(page, 3)
    await page.clock.run_for(LONGER_THAN_ALL_ATTEMPTS_MS)
    await ready(page, fake_api)
    await expect(headline(page)).to_have_text(LISTENS)
    assert await page.evaluate("() => [fakeRooms.length, fakeRoom.left]") == [3, None]


async def test_a_frozen_tab_resumes_with_a_new_microphone(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await page.evaluate("() => { fakeRoom.publication.track.stop(); fakeRoom.emit('Disconnected', 1); }")
    await joined_anew(page, 2)
    assert await page.evaluate("() => fakeRoom.publication.track.readyState") == "live"


async def test_the_microphone_is_refused_on_rejoin(page: Page) -> None:
    await start(page)
    await page.evaluate(f"() => {{ {REFUSE_MICROPHONE} }}")
    await page.evaluate("() => { fakeRoom.publication.track.stop(); fakeRoom.emit('Disconnected', 1); }")
    await expect(headline(page)).to_have_text("The microphone was refused")


async def test_a_hidden_page_leaves_its_room_and_rejoins_when_shown(page: Page) -> None:
    await start(page)
    await page.evaluate("() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    await joined_anew(page, 2)
    assert await page.evaluate("() => [fakeRooms[0].left, fakeRoom.left]") == [True, None]


async def test_the_call_continues_in_another_window(page: Page) -> None:
    await start(page)
    await page.evaluate("() => fakeRoom.emit('Disconnected', 2)")
    await expect(headline(page)).to_have_text("The call goes on in another window")
    await look(page, "trouble-elsewhere")
    await button(page, "Join again").click()
    await expect(button(page, "Mute")).to_be_visible()


async def test_a_removed_caller_may_rejoin(page: Page) -> None:
    await start(page)
    await page.evaluate("() => fakeRoom.emit('Disconnected', 4)")
    await expect(headline(page)).to_have_text("You were taken out of the room")
    await look(page, "trouble-removed")
    await button(page, "Join again").click()
    await joined_anew(page, 2)


async def test_rejoin_is_refused_by_the_api(page: Page, fake_api: FakePlaygroundApi) -> None:
    await page.clock.install()
    await start(page)
    fake_api.refusals["token"] = (503, "Temporal is unreachable.")
    await page.evaluate("() => fakeRoom.emit('Disconnected', 3)")
    for tries in range(1, 6):
        await fake_api.asked_for_tokens(tries)
        await page.clock.run_for(LONGER_THAN_ALL_ATTEMPTS_MS)
    await expect(headline(page)).to_have_text("The call cannot go on just now")
    await expect(page.get_by_text("Temporal is unreachable.")).to_be_visible()
    await look(page, "trouble-api-away")
    del fake_api.refusals["token"]
    await button(page, "Join again").click()
    await joined_anew(page, 2)


async def test_a_session_that_ended_while_the_connection_was_gone(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    fake_api.end_reason = "room_finished"
    await page.evaluate("() => fakeRoom.emit('Disconnected', 5)")
    await expect(page.get_by_text("the room was closed")).to_be_visible()
