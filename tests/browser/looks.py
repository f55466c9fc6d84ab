"""What is true of every state of the page: it is accessible, fits, stays on its host and complains of nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import ConsoleMessage, Page

SHOTS = Path(__file__).parents[2] / ".state/screenshots"
"""Every state in every form, for people to look at."""
SIZES = {"wide": (1280, 800), "phone": (390, 844)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


class Watch:
    """Remembers where a page went and what it complained of."""

    def __init__(self, page: Page, *hosts: str) -> None:
        self._hosts = hosts
        self.strays: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self._on_address(request.url))
        page.on("websocket", lambda socket: self._on_address(socket.url))
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _on_address(self, url: str) -> None:
        if not url.startswith((*self._hosts, "data:", "blob:")):
            self.strays.append(url)

    def _on_console(self, message: ConsoleMessage) -> None:
        # Chromium itself writes down every answer that is an error, also those that a test asked for.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def nothing_wrong(self) -> None:
        """Fail for a request to another host or an error on the console."""
        # The lists are the messages: where asserts are not rewritten, a failure would not say what was seen.
        assert not self.strays, self.strays
        assert not self.complaints, self.complaints


async def look(page: Page, name: str) -> None:
    """Take a picture of this state in each form, and hold each to accessibility and width."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    for size, (width, height) in SIZES.items():
        await page.set_viewport_size({"width": width, "height": height})
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme)
            await page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            await page.screenshot(path=SHOTS / f"{name}-{size}-{scheme}.png")
            found = await Axe().run(page)
            assert not found.response["violations"], found.generate_report()
            assert await page.evaluate("() => document.documentElement.scrollWidth <= innerWidth"), f"{name} {size}"
