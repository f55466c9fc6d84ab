"""A call in a real browser on the real stack, with a fake microphone."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from playwright.async_api import Page, expect

from lab.caller import speech
from tests.browser.conftest import executable, open_browser
from tests.browser.looks import Watch, look

if TYPE_CHECKING:
    from stack.local_stack import LocalStack
    from tests.browser.conftest import OpenBrowser

__all__ = ["executable", "open_browser"]

pytestmark = pytest.mark.slow

QUESTION = "What is the capital of France?"
OPENING = "Good morning, this is the garden shop."
UNDERSTOOD = re.compile("capital|france", re.IGNORECASE)
"""The embedded STT can miss a word of the question."""
BEFORE_SECONDS, AFTER_SECONDS = 5, 14
"""Silence for the greeting, then the question, then silence for the answer."""
RATE = 48_000
PATIENCE_MS = 40_000

KEEP_PEERS = """
globalThis.peers = [];
globalThis.iceServers = new Set();
const keep = (given) => given?.iceServers?.flatMap((one) => one.urls).forEach((url) => iceServers.add(url));
globalThis.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(given, ...more) { super(given, ...more); peers.push(this); keep(given); }
  setConfiguration(given) { super.setConfiguration(given); keep(given); }
};
"""
HEARD_ENERGY = """async () => {
  let energy = 0;
  for (const peer of peers)
    for (const report of (await peer.getStats()).values())
      if (report.type === "inbound-rtp" && report.kind === "audio") energy += report.totalAudioEnergy ?? 0;
  return energy;
}"""


@pytest.fixture
async def microphone(tmp_path: Path) -> Path:
    """A recording of the question, which the fake microphone repeats."""
    spoken = await speech.synthesize(QUESTION)
    places = np.arange(len(spoken) * RATE // speech.SAMPLE_RATE) * (speech.SAMPLE_RATE / RATE)
    louder = np.interp(places, np.arange(len(spoken)), spoken).astype("<i2")
    silences = (np.zeros(BEFORE_SECONDS * RATE, "<i2"), np.zeros(AFTER_SECONDS * RATE, "<i2"))
    file = tmp_path / "microphone.wav"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(np.concatenate((silences[0], louder, silences[1])).tobytes())
    return file


@pytest.fixture
def patience() -> Iterator[None]:
    """Speech takes longer than a page does."""
    expect.set_options(timeout=PATIENCE_MS)
    yield
    expect.set_options(timeout=None)


async def hears_more(page: Page) -> None:
    """Wait until the browser has received more audio."""
    before = await page.evaluate(HEARD_ENERGY)
    await page.wait_for_function(f"async (before) => await ({HEARD_ENERGY})() > before + 1e-4", arg=before)


@pytest.mark.usefixtures("patience")
async def test_a_call_from_the_page_to_its_bill(stack: LocalStack, open_browser: OpenBrowser, microphone: Path) -> None:
    settings = stack.settings
    url = f"http://localhost:{settings.api.port}"
    livekit = settings.livekit.client_url
    async with open_browser(
        "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}"
    ) as browser:
        page = await browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        watch = Watch(page, url, livekit, livekit.replace("ws", "http", 1))
        await page.add_init_script(KEEP_PEERS)
        await page.goto(f"{url}/playground")
        await page.get_by_label("Your name").fill("Ada")
        await page.get_by_label("Opening line").fill(OPENING)
        await page.get_by_role("radio", name="Craig").check()
        await look(page, "real-start")
        await page.get_by_role("button", name="Start talking").click()

        headline, said = page.get_by_role("heading", level=1), page.get_by_role("log").get_by_role("listitem")
        await expect(headline).to_have_text("The agent speaks")
        await hears_more(page)
        await expect(said.first).to_contain_text(OPENING)
        await expect(page.locator("#session-state")).to_have_text("active")

        # The question is answered.
        await expect(page.locator("#captions .caller")).to_contain_text(UNDERSTOOD)
        await hears_more(page)
        await expect(page.locator("#captions .agent")).not_to_have_count(1)
        await look(page, "real-call")

        # A reload does not end the call.
        async with page.expect_response("**/token") as rejoined:
            await page.reload()
        assert (await rejoined.value).ok
        await expect(said.first).to_contain_text(OPENING)
        await expect(page.locator("#captions .caller")).not_to_have_count(1)
        await hears_more(page)

        # Neither does a killed agent.
        await page.get_by_role("button", name="Kill the agent").click()
        await expect(page.locator("#captions .note").first).to_contain_text("Agent 1 was lost")
        await expect(page.locator("#captions .note").last).to_contain_text("Agent 2 took over")
        await expect(page.locator("#generation")).to_have_text("2")
        await look(page, "real-call-after-a-loss")
        await hears_more(page)
        # The second agent answers the next question.
        asked_anew = page.locator("#captions .note", has_text="Agent 2 took over").locator("~ .caller ~ .agent .said")
        await expect(asked_anew.first).not_to_be_empty()

        async with page.expect_response("**/api/session/end") as ended:
            await page.get_by_role("button", name="End", exact=True).click()
        bill = (await (await ended.value).json())["details"]
        await expect(headline).to_have_text("Thank you for the call")
        assert bill["durationMinutes"] >= 1
        await expect(page.locator("#bill")).to_contain_text(f"{bill['durationMinutes']} min")
        await expect(page.locator("#transcript li").first).to_contain_text(OPENING)
        await expect(page.locator("#transcript .caller").first).to_contain_text(UNDERSTOOD)
        workflow = f"/namespaces/{settings.temporal.namespace}/workflows/{bill['session_id']}"
        await expect(page.get_by_role("link", name="See it in Temporal")).to_have_attribute(
            "href", f"http://localhost:{settings.stack.temporal_ui_port}{workflow}"
        )
        await look(page, "real-record")
        assert await page.evaluate("() => [...iceServers]") == ["stun:127.0.0.1:9"]  # the local one
        watch.nothing_wrong()
