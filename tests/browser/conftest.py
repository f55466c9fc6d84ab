"""A real Chromium, and the page with an API that the test controls."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, Page, async_playwright
from pydantic import SecretStr

from settings import LiveKitSettings, PlaygroundSettings, Settings
from tests.browser.chromium import chromium
from tests.browser.looks import Watch
from tests.fakes.playground_api import LIVEKIT, FakePlaygroundApi

FAKE_LIVEKIT = (Path(__file__).parents[1] / "fakes/livekit_client.js").read_text()

OpenBrowser = Callable[..., AbstractAsyncContextManager[Browser]]


@pytest.fixture(scope="session")
def executable() -> str | None:
    return chromium()


@pytest.fixture(scope="session")
def open_browser(executable: str | None) -> OpenBrowser:
    """Opens a Chromium with additional arguments."""

    @asynccontextmanager
    async def opened(*arguments: str) -> AsyncIterator[Browser]:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(
                executable_path=executable, args=["--use-fake-device-for-media-stream", *arguments]
            )
            try:
                yield browser
            finally:
                await browser.close()

    return opened


@pytest.fixture
def fake_api() -> FakePlaygroundApi:
    return FakePlaygroundApi(
        Settings(
            livekit=LiveKitSettings(url=LIVEKIT, api_key="devkey", api_secret=SecretStr("s" * 64)),
            playground=PlaygroundSettings(enabled=True, kill_agent=True, temporal_ui_url="http://localhost:8233"),
        )
    )


@pytest_asyncio.fixture(loop_scope="session")
async def address(fake_api: FakePlaygroundApi) -> AsyncIterator[str]:
    async with served(fake_api.app) as url:
        yield url


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serve `app` on a free port; yields its address."""
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = server.force_exit = True
    await serving


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chrome(open_browser: OpenBrowser) -> AsyncIterator[Browser]:
    """One for all tests: its start takes longer than most of them."""
    async with open_browser("--use-fake-ui-for-media-stream") as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="session")
async def browser(chrome: Browser) -> AsyncIterator[Browser]:
    """The same for one test: its pages are closed afterwards, and share no storage with others."""
    yield chrome
    for context in chrome.contexts:
        await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser, address: str) -> AsyncIterator[Page]:
    """The opened page, with a fake LiveKit client."""
    page = await browser.new_page()
    watch = Watch(page, address)
    await page.route(
        "**/livekit-client.umd.js", lambda route: route.fulfill(body=FAKE_LIVEKIT, content_type="text/javascript")
    )
    await page.goto(f"{address}/playground")
    yield page
    watch.nothing_wrong()
