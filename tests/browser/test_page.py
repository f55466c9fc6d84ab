"""Each state of the page, before an API and a LiveKit that the test plays."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.looks import Watch, look
from tests.fakes.playground_api import LIVEKIT, OTHER, SESSION, FakePlaygroundApi

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.browser.conftest import OpenBrowser

pytestmark = pytest.mark.slow

CALLER = "user_Ada"
AGENT = "agent_1_AJ_x"


async def start(page: Page) -> None:
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Start talking").click()
    await page.wait_for_function("() => globalThis.fakeRoom?.publication")


async def caption(page: Page, identity: str, segment: str, *words: str, final: bool = True) -> None:
    await page.evaluate("(said) => fakeRoom.caption(...said)", [identity, segment, list(words), final])


async def ready(page: Page, api: FakePlaygroundApi, generation: int = 1) -> None:
    await page.evaluate("(generation) => fakeRoom.agentComes(generation)", generation)
    await api.happens("agent.state", state="ready", generation=generation, reason=None)


async def test_the_start(page: Page, fake_api: FakePlaygroundApi) -> None:
    await expect(page.get_by_role("radio")).to_have_count(6)
    await expect(page.get_by_role("link", name="Grace")).to_contain_text("2:05")
    await look(page, "start")
    await page.get_by_role("button", name="Garden shop").click()
    await expect(page.get_by_label("Opening line")).to_have_value(
        "Good morning, this is the garden shop. What would you like to know?"
    )
    await expect(page.get_by_role("radio", name="Olivia", exact=True)).to_be_checked()
    # By keyboard alone, from the name to the call.
    await page.get_by_label("Your name").focus()
    await page.keyboard.type("Ada")
    await page.keyboard.press("Enter")
    await page.wait_for_function("() => globalThis.fakeRoom?.publication")
    assert fake_api.started[0]["userName"] == "Ada"
    assert fake_api.started[0]["voiceId"] == "Olivia"
    assert await page.evaluate("() => fakeRoom.joined.token") == "header.claims.signature"
    assert await page.evaluate("() => Object.entries(sessionStorage)") == [["session", SESSION]]


async def test_voices_can_be_heard(page: Page) -> None:
    listen = page.get_by_role("button", name="Listen to Craig")
    async with page.expect_response("**/voices/Craig.mp3") as answer:
        await listen.click()
    assert (await answer.value).status in (200, 206)
    await expect(listen).to_have_class("listen playing")
    await listen.click()
    await expect(listen).to_have_class("listen")


async def test_errors_of_the_api_are_shown_as_they_are(page: Page, fake_api: FakePlaygroundApi) -> None:
    await page.get_by_role("button", name="Start talking").click()
    await expect(page.get_by_role("alert")).to_have_text("userName: must not be blank")
    await expect(page.get_by_label("Your name")).to_be_focused()
    await look(page, "start-refused")
    fake_api.refusals["start"] = (503, "Failed to queue voice agent spawn task: no worker answered within 10 seconds.")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Start talking").click()
    await expect(page.get_by_role("alert")).to_have_text(fake_api.refusals["start"][1])


async def test_a_call_with_a_loss(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await fake_api.happens("session.state", state="waiting", previous="starting")
    await fake_api.happens("agent.state", state="launching", generation=1, reason=None)
    await expect(page.get_by_role("heading", level=1)).to_have_text("The agent comes")
    await look(page, "call-waiting")
    await fake_api.happens("caller.presence", kind="joined", participantSid="PA_x")
    await fake_api.happens("session.state", state="active", previous="waiting")
    await ready(page, fake_api)
    await page.evaluate("() => fakeRoom.loudness(0.2)")
    await expect(page.get_by_role("heading", level=1)).to_have_text("The agent speaks")
    said = page.get_by_role("log").get_by_role("listitem")
    await caption(page, AGENT, "SG_1", "Hello! ", "How can I help you today?")
    await expect(said).to_have_text(["AgentHello! How can I help you today?"])
    await fake_api.happens("turn", role="agent", text="Hello! How can I help you today?")
    await caption(page, CALLER, "SG_2", "What is the capital of", final=False)
    await caption(page, CALLER, "SG_2", "What is the capital of France?")
    await expect(said).to_have_count(2)
    await expect(said.nth(1)).to_have_class("caller live")
    await fake_api.happens("turn", role="caller", text="What is the capital of France?")
    await expect(said.nth(1)).to_have_class("caller")
    await caption(page, AGENT, "SG_3", "The capital of")
    await look(page, "call")

    await page.get_by_role("button", name="Kill the agent").click()
    await expect(page.get_by_role("button", name="Kill the agent")).to_be_enabled()
    assert fake_api.killed == [SESSION]
    await page.evaluate("() => fakeRoom.agentGoes()")
    await fake_api.happens("agent.state", state="lost", generation=1, reason="its job process ended")
    await expect(page.get_by_role("heading", level=1)).to_have_text("The agent is lost")
    await expect(page.get_by_role("status")).to_have_text(
        "Agent 1 was lost: its job process ended. The next one is on its way, and knows what was said."
    )
    await expect(said.nth(2)).to_have_class("agent live cut")
    await look(page, "call-lost")
    await fake_api.happens("agent.state", state="launching", generation=2, reason=None)
    await ready(page, fake_api, 2)
    await expect(page.get_by_role("status")).to_have_text("Agent 2 is here. Go on talking.")
    await fake_api.happens("turn", role="agent", text="The capital of France is Paris.", generation=2)
    await expect(said).to_have_text(
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

    await page.get_by_role("button", name="Mute").click()
    await expect(page.get_by_role("button", name="Muted")).to_have_attribute("aria-pressed", "true")
    assert await page.evaluate("() => fakeRoom.publication.isMuted")
    await page.get_by_role("button", name="End", exact=True).click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for the call")
    await expect(page.get_by_role("definition").filter(has_text="3 min")).to_be_visible()
    await expect(page.locator("#transcript li")).to_have_count(3)
    await expect(page.get_by_role("link", name="See it in Temporal")).to_have_attribute(
        "href", f"http://localhost:8233/namespaces/default/workflows/{SESSION}"
    )
    await look(page, "record")
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Save").click()
    saved = await (await download.value).path()
    assert saved.read_text().splitlines()[1] == "Caller: What is the capital of France?"
    assert await page.evaluate("() => sessionStorage.length") == 0
    await page.get_by_role("button", name="Start again").click()
    await expect(page.get_by_role("link", name="Ada")).to_be_visible()


async def test_a_reload_rejoins(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await ready(page, fake_api)
    await fake_api.happens("turn", role="agent", text="Hello!")
    await expect(page.get_by_role("log")).to_contain_text("Hello!")
    await page.reload()
    await expect(page.get_by_role("log")).to_contain_text("Hello!")
    await page.wait_for_function("() => globalThis.fakeRoom?.publication")
    assert fake_api.tokens == 1
    assert len(fake_api.started) == 1


async def test_a_session_that_is_ended_elsewhere(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await fake_api.over("api_request")
    await expect(page.get_by_text("It was ended elsewhere, while you were in it.")).to_be_visible()
    await look(page, "record-ended-elsewhere")
    assert await page.evaluate("() => fakeRoom.left && fakeRoom.publication.track.readyState") == "ended"


async def test_a_reload_after_the_end(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    fake_api.end_reason = "caller_left"
    fake_api.refusals["token"] = (409, f"Session {SESSION} has ended or is about to; start a new one.")
    await page.reload()
    await expect(page.get_by_text("the caller left")).to_be_visible()
    assert await page.evaluate("() => sessionStorage.length") == 0


async def test_the_connection_is_lost_and_comes_back(page: Page, fake_api: FakePlaygroundApi) -> None:
    await start(page)
    await ready(page, fake_api)
    await page.get_by_role("button", name="Mute").click()
    await page.evaluate("() => fakeRoom.emit('Reconnecting')")
    await expect(page.get_by_role("heading", level=1)).to_have_text("Connection lost")
    await look(page, "call-connection-lost")
    await page.evaluate("() => fakeRoom.emit('Reconnected')")
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are muted")
    first = await page.evaluate_handle("() => fakeRoom")
    await page.evaluate("() => fakeRoom.emit('Disconnected', 3)")  # the server was started anew
    await page.wait_for_function("(first) => fakeRoom !== first && fakeRoom.publication", arg=first)
    assert fake_api.tokens == 1
    await expect(page.get_by_role("heading", level=1)).to_have_text("You are muted")
    assert await page.evaluate("() => fakeRoom.publication.isMuted")


async def test_the_call_goes_on_in_another_window(page: Page) -> None:
    await start(page)
    await page.evaluate("() => fakeRoom.emit('Disconnected', 2)")
    await expect(page.get_by_role("heading", level=1)).to_have_text("The call goes on in another window")
    await look(page, "trouble-elsewhere")
    await page.get_by_role("button", name="Join again").click()
    await expect(page.get_by_role("button", name="Mute")).to_be_visible()


async def test_sound_waits_for_a_click_where_the_browser_wants_one(page: Page) -> None:
    await start(page)
    await page.evaluate("() => { fakeRoom.canPlaybackAudio = false; fakeRoom.emit('AudioPlaybackStatusChanged'); }")
    await page.get_by_role("button", name="Let me hear it").click()
    await expect(page.get_by_role("button", name="Let me hear it")).to_be_hidden()
    assert await page.evaluate("() => fakeRoom.canPlaybackAudio")


async def test_livekit_cannot_be_reached(page: Page) -> None:
    await page.evaluate("() => { LivekitClient.Room.joins = false; }")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Start talking").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("LiveKit cannot be reached")
    await expect(page.get_by_text("ws://127.0.0.1:9: could not establish")).to_be_visible()
    await look(page, "trouble-unreachable")
    await page.get_by_role("button", name="End the session").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Thank you for the call")


async def test_the_library_itself_may_ask_livekit_and_finds_nobody(browser: Browser, address: str) -> None:
    page = await browser.new_page()
    watch = Watch(page, address, LIVEKIT, LIVEKIT.replace("ws", "http"))
    await page.goto(f"{address}/playground")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Start talking").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("LiveKit cannot be reached", timeout=30_000)
    assert watch.strays == []
    assert [text for text in watch.complaints if "Content Security Policy" in text] == []


async def test_an_earlier_session(page: Page) -> None:
    await page.get_by_role("link", name="Grace").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Grace called")
    await expect(page.get_by_text("Nothing was said.")).to_be_visible()
    assert page.url.endswith(f"#{OTHER}")
    await page.go_back()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Talk to it")


async def test_an_unknown_session(page: Page, address: str) -> None:
    await page.goto(f"{address}/playground#session_1_nobody")
    await expect(page.get_by_role("heading", level=1)).to_have_text("This session is not known")


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
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Start talking").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(title)
    assert fake_api.started == []  # a refusal costs nothing
    await look(page, f"trouble-{error}")


async def test_the_browser_itself_refuses_the_microphone(open_browser: OpenBrowser, address: str) -> None:
    async with open_browser() as browser:
        page = await browser.new_page(permissions=[])
        await page.goto(f"{address}/playground")
        await page.get_by_label("Your name").fill("Ada")
        await page.get_by_role("button", name="Start talking").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("The microphone was refused")


async def test_nothing_is_seen_before_it_has_its_style(browser: Browser, address: str) -> None:
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
    await expect(page.get_by_role("heading", level=1)).to_have_text("Talk to it")


async def test_without_scripts_the_page_says_what_it_needs(browser: Browser, address: str) -> None:
    page = await browser.new_page(java_script_enabled=False)
    await page.goto(f"{address}/playground")
    await expect(page.locator(".without-scripts")).to_be_visible()
