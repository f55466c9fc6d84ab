"""A call: its agents, its captions and its buttons."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import Page, expect

from tests.browser.calls import AGENT, CALLER, LISTENS, agent, button, caption, headline, held, in_room, ready, start
from tests.browser.looks import look
from tests.fakes.playground_api import SESSION, FakePlaygroundApi

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_a_call_whose_agent_fails(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await fake_api.happens("session.state", state="waiting", previous="starting")
    await agent(fake_api, "queued", 1)
    await expect(headline(page)).to_have_text("Waiting for a free agent")
    await fake_api.happens("agent.state", state="launching", generation=1, reason=None)
    await expect(headline(page)).to_have_text("The agent comes")
    await look(page, "call-waiting")
    await fake_api.happens("caller.presence", kind="joined", participantSid="PA_x")
    await fake_api.happens("session.state", state="active", previous="waiting")
    await ready(page, fake_api)
    await page.evaluate("() => fakeRoom.loudness(0.2)")
    await expect(headline(page)).to_have_text("The agent speaks")
    captions = page.get_by_role("log").get_by_role("listitem")
    await caption(page, AGENT, "SG_1", "Hello! ", "How can I help you today?")
    await expect(captions).to_have_text(["AgentHello! How can I help you today?"])
    await fake_api.happens("turn", role="agent", text="Hello! How can I help you today?")
    await caption(page, CALLER, "SG_2", "What is the capital of", final=False)
    await caption(page, CALLER, "SG_2", "What is the capital of France?")
    await expect(captions).to_have_count(2)
    await expect(captions.nth(1)).to_have_class("caller live")
    await fake_api.happens("turn", role="caller", text="What is the capital of France?")
    await expect(captions.nth(1)).to_have_class("caller")
    await caption(page, AGENT, "SG_3", "The capital of")
    await look(page, "call")

    await button(page, "Kill the agent").click()
    await expect(button(page, "Kill the agent")).to_be_enabled()
    assert fake_api.killed == [SESSION]
    await page.evaluate("() => fakeRoom.agentGoes()")
    await fake_api.happens("agent.state", state="lost", generation=1, reason="its job process ended")
    await expect(headline(page)).to_have_text("The agent is lost")
    await expect(page.get_by_role("status")).to_have_text(
        "Agent 1 was lost: its job process ended. The next one is on its way, and knows what was said."
    )
    await expect(captions.nth(2)).to_have_class("agent live cut")
    await look(page, "call-lost")
    await fake_api.happens("agent.state", state="launching", generation=2, reason=None)
    await ready(page, fake_api, 2)
    await expect(page.get_by_role("status")).to_have_text("Agent 2 is here. Go on talking.")
    await fake_api.happens("turn", role="agent", text="The capital of France is Paris.", generation=2)
    await expect(captions).to_have_text(
        [
            "AgentHello! How can I help you today?",
            "YouWhat is the capital of France?",
            "AgentThe capital of",
            "Agent 1 was lost",
            "Agent 2 took over after 2.0 s",
            "AgentThe capital of France is Paris.",
        ]
    )
    await page.evaluate("() => fakeRoom.loudness(0.2)")
    await look(page, "call-goes-on")

    await button(page, "Mute").click()
    await expect(button(page, "Muted")).to_have_attribute("aria-pressed", "true")
    await page.evaluate("() => fakeRoom.loudness(0)")
    await expect(headline(page)).to_have_text("You are muted")
    await look(page, "call-muted")
    assert await page.evaluate("() => fakeRoom.publication.isMuted")
    await button(page, "End").click()
    await expect(headline(page)).to_have_text("Thank you for the call")
    await expect(page.get_by_role("definition").filter(has_text="3 min")).to_be_visible()
    await expect(page.locator("#transcript li")).to_have_count(3)
    await expect(page.get_by_role("link", name="See it in Temporal")).to_have_attribute(
        "href", f"http://localhost:8233/namespaces/default/workflows/{SESSION}"
    )
    await look(page, "record")
    async with page.expect_download() as download:
        await button(page, "Save").click()
    saved = await (await download.value).path()
    assert saved.read_text().splitlines()[1] == "Caller: What is the capital of France?"
    assert await page.evaluate("() => sessionStorage.length") == 0
    await button(page, "Start again").click()
    await expect(page.get_by_role("link", name="Ada")).to_be_visible()


async def test_a_handover_leaves_the_newer_agent_in_place(page: Page, fake_api: FakePlaygroundApi) -> None:
    generation, captions = page.locator("#generation"), page.locator("#captions .note")
    await start(page)
    await ready(page, fake_api)
    await agent(fake_api, "draining", 1)
    await agent(fake_api, "launching", 2)
    await expect(page.get_by_role("status")).to_have_text("Agent 1 hands over to the next one when it has finished.")
    await expect(headline(page)).to_have_text(LISTENS)
    await expect(generation).to_have_text("1")
    await look(page, "call-handing-over")
    await ready(page, fake_api, 2)
    await agent(fake_api, "stopped", 1)
    await agent(fake_api, "lost", 1, "too late to be missed")
    await fake_api.happens("turn", role="agent", text="Go on.", generation=2)
    await expect(page.get_by_role("log")).to_contain_text("Go on.")
    await expect(generation).to_have_text("2")
    await expect(headline(page)).to_have_text(LISTENS)
    await expect(captions).to_have_text(["Agent 1 was asked to hand over", "Agent 2 took over"])


async def test_a_lost_successor_is_shown_only_while_nobody_serves(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await agent(fake_api, "launching", 1)
    await agent(fake_api, "lost", 1, "it never came")
    await expect(headline(page)).to_have_text("The agent is lost")
    await agent(fake_api, "launching", 2)
    await expect(headline(page)).to_have_text("The next agent comes")
    await expect(page.locator("#generation")).to_have_text("2")
    await ready(page, fake_api, 2)
    await expect(headline(page)).to_have_text(LISTENS)
    await agent(fake_api, "launching", 3)
    await agent(fake_api, "lost", 3)
    await fake_api.happens("turn", role="agent", text="Still here.", generation=2)
    await expect(page.get_by_role("log")).to_contain_text("Still here.")
    await expect(headline(page)).to_have_text(LISTENS)
    await expect(page.locator("#generation")).to_have_text("2")


async def test_captions_scroll_unless_the_reader_scrolled_back(page: Page, fake_api: FakePlaygroundApi) -> None:
    frame, captions = page.get_by_role("log"), page.get_by_role("log").get_by_role("listitem")
    await page.set_viewport_size({"width": 390, "height": 700})
    await start(page)
    for number in range(8):
        await fake_api.happens("turn", role="agent", text=f"Answer {number}.")
    await expect(captions.last).to_have_text("AgentAnswer 7.")
    await expect(captions.last).to_be_in_viewport(ratio=1)
    # The notice takes its lines from the captions.
    await agent(fake_api, "lost", 1, "the process that spoke was killed, and it was in the middle of a long sentence")
    await fake_api.happens("turn", role="agent", text="The last one.")
    await expect(captions.last).to_have_text("AgentThe last one.")
    await expect(captions.last).to_be_in_viewport(ratio=1)
    await frame.evaluate("(frame) => new Promise((done) => { frame.onscrollend = done; frame.scrollTop = 0; })")
    await fake_api.happens("turn", role="agent", text="One more.")
    await expect(captions.last).to_have_text("AgentOne more.")
    await expect(captions.first).to_be_in_viewport(ratio=1)


async def test_a_thinking_agent(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await ready(page, fake_api)
    await button(page, "Mute").click()  # or it might say that the caller speaks
    await page.evaluate("() => fakeRoom.mood('thinking')")
    await expect(headline(page)).to_have_text("The agent thinks")


async def test_a_reload_rejoins(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await ready(page, fake_api)
    await fake_api.happens("turn", role="agent", text="Hello!")
    await expect(page.get_by_role("log")).to_contain_text("Hello!")
    await page.reload()
    await expect(page.get_by_role("log")).to_contain_text("Hello!")
    await in_room(page)
    assert fake_api.tokens == 1
    assert len(fake_api.started) == 1


async def test_replayed_events_after_a_reload_are_not_announced(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    fake_api.began -= timedelta(minutes=5)
    await agent(fake_api, "lost", 1)
    await agent(fake_api, "ready", 2)
    await page.reload()
    await expect(page.locator("#captions .note")).to_have_text(["Agent 1 was lost", "Agent 2 took over after 1.0 s"])
    await expect(page.locator("#notice")).to_be_empty()


async def test_a_reload_does_not_open_a_muted_microphone(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await ready(page, fake_api)
    await button(page, "Mute").click()
    await page.reload()
    await in_room(page)
    assert await page.evaluate("() => fakeRoom.publication.wasMuted")
    await expect(headline(page)).to_have_text("You are muted")
    await button(page, "Muted").click()
    await expect(headline(page)).to_have_text(LISTENS)
    await page.reload()
    await in_room(page)
    assert not await page.evaluate("() => fakeRoom.publication.wasMuted")


async def test_a_call_can_be_muted_before_it_is_joined(page: Page) -> None:
    await start(page)
    async with held(page, "**/token"):
        await page.reload()
        await button(page, "Mute").click()
    await in_room(page)
    assert await page.evaluate("() => fakeRoom.publication.wasMuted")


async def test_events_are_delivered_after_an_outage(page: Page, fake_api: FakePlaygroundApi) -> None:
    fake_api.refusals["events"] = (503, "No worker could read the events in time; ask again.")
    async with page.expect_response("**/events*") as refused:
        await start(page)
    assert (await refused.value).status == 503
    del fake_api.refusals["events"]
    await ready(page, fake_api)
    await expect(headline(page)).to_have_text(LISTENS, timeout=20_000)


async def test_sound_waits_for_a_click_if_the_browser_needs_one(page: Page) -> None:
    await start(page)
    await page.evaluate("() => { fakeRoom.canPlaybackAudio = false; fakeRoom.emit('AudioPlaybackStatusChanged'); }")
    await expect(button(page, "Let me hear it")).to_be_visible()
    await look(page, "call-blocked")
    await button(page, "Let me hear it").click()
    await expect(button(page, "Let me hear it")).to_be_hidden()
    assert await page.evaluate("() => fakeRoom.canPlaybackAudio")


async def test_the_microphone_is_unplugged_during_a_call(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await ready(page, fake_api)
    await page.evaluate("() => fakeRoom.publication.track.dispatchEvent(new Event('ended'))")
    await expect(page.get_by_role("status")).to_contain_text("The microphone is gone.")
    await look(page, "call-microphone-gone")


async def test_a_failing_level_meter_does_not_end_the_call(page: Page, fake_api: FakePlaygroundApi) -> None:
    await page.evaluate("() => { AudioContext.prototype.createMediaStreamSource = () => { throw new Error('no'); }; }")
    await start(page)
    await ready(page, fake_api)
    await expect(headline(page)).to_have_text(LISTENS)
    await page.evaluate("() => { fakeRoom.agent.participant.audioLevel = 0.2; }")
    await expect(headline(page)).to_have_text("The agent speaks")


async def test_an_agent_that_cannot_be_killed(page: Page, fake_api: FakePlaygroundApi) -> None:
    fake_api.is_served = False
    await start(page)
    await button(page, "Kill the agent").click()
    await expect(page.get_by_role("status")).to_have_text(f"No agent serves {SESSION} at this moment.")
    await expect(button(page, "Kill the agent")).to_be_enabled()
    await look(page, "call-kill-refused")


async def test_a_provider_failure_and_its_recovery_are_shown(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await ready(page, fake_api)
    hears = {"part": "stt", "provider": "deepgram/nova-3", "generation": 1}
    await fake_api.happens("provider.changed", **hears, available=False, nextUp="moonshine/tiny-en")
    notice = page.get_by_role("status")
    await expect(notice).to_have_text("deepgram/nova-3 failed. The agent hears with moonshine/tiny-en now.")
    await look(page, "call-provider-failed")
    await fake_api.happens("provider.changed", **hears, available=True, nextUp=None)
    await expect(notice).to_have_text("deepgram/nova-3 is back.")
    await fake_api.happens(
        "provider.changed", part="tts", provider="inworld/max", generation=1, available=False, nextUp=None
    )
    await expect(notice).to_have_text("inworld/max failed, and there is no other.")
    await expect(page.locator("#captions .note")).to_have_count(3)
