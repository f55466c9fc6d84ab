"""The application with sessions in memory, called in process."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from api.app import create_app
from settings import LiveKitSettings, Settings, TemporalSettings
from tests.fakes.session_reader import FakeSessionReader
from tests.fakes.sessions import FakeSessions

API_KEY = "devkey"
API_SECRET = "a-secret-of-at-least-64-characters-so-that-every-algorithm-takes-it!"


@pytest.fixture
def settings() -> Settings:
    """LiveKit's key pair is set; nothing listens at port 9."""
    livekit = LiveKitSettings(
        url="ws://127.0.0.1:9", public_url="wss://livekit.example", api_key=API_KEY, api_secret=SecretStr(API_SECRET)
    )
    return Settings(temporal=TemporalSettings(address="127.0.0.1:9"), livekit=livekit)


@pytest.fixture
def sessions() -> FakeSessions:
    return FakeSessions()


@pytest.fixture
def reader(sessions: FakeSessions) -> FakeSessionReader:
    return FakeSessionReader(sessions)


@pytest.fixture
async def http(
    settings: Settings, sessions: FakeSessions, reader: FakeSessionReader
) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(settings, sessions, reader), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        yield client
