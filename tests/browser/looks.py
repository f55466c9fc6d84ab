"""Checks for every state of the page: accessibility, width, requests to other hosts, errors on the console."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import ConsoleMessage, Page

SHOTS = Path(__file__).parents[2] / ".state/screenshots"
"""Screenshots of every state, in every size and color scheme."""
SIZES = {"wide": (1280, 800), "phone": (390, 844)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


class Watch:
    """Records a page's requests to other hosts, and its errors."""

    def __init__(self, page: Page, *hosts: str) -> None:
        self._hosts = hosts
        self.foreign_requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self._on_address(request.url))
        page.on("websocket", lambda socket: self._on_address(socket.url))
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _on_address(self, url: str) -> None:
        if not url.startswith((*self._hosts, "data:", "blob:")):
            self.foreign_requests.append(url)

    def _on_console(self, message: ConsoleMessage) -> None:
        # Chromium itself logs every error answer, also those that a test expects.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.errors.append(message.text)

    def nothing_wrong(self) -> None:
        """Fail for a request to another host or an error on the console."""
        # With messages, since pytest does not rewrite the asserts of this module.
        assert not self.foreign_requests, self.foreign_requests
        assert not self.errors, self.errors


async def look(page: Page, name: str) -> None:
    """Take a screenshot of this state in each form, and check its accessibility and width."""
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
