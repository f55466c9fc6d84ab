"""Fakes of the AgentServer with its job watch, and of hosted speech services."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from livekit.agents.utils import http_context
from pydantic import SecretStr

from agent.host import job_watch
from agent.host.job_watch import JobWatch
from settings import AgentSettings, LiveKitSettings, Settings
from tests.fakes.agent_server import SECRET, FakeSentinel, FakeServer
from tests.fakes.speech_services import SpeechServices
from tests.fakes.temporal import FakeTemporal


@pytest.fixture
def agent_settings() -> Settings:
    return Settings(
        livekit=LiveKitSettings(url="ws://127.0.0.1:1", api_key="key", api_secret=SecretStr(SECRET)),
        agent=AgentSettings(max_jobs=2, idle_processes=1, health_host="127.0.0.1", health_port=18081),
    )


@pytest.fixture
def temporal(monkeypatch: pytest.MonkeyPatch) -> FakeTemporal:
    """The Temporal of every job watch."""
    fake = FakeTemporal()
    monkeypatch.setattr(job_watch, "LazyClient", lambda _: fake)
    return fake


@pytest.fixture
def sentinel(monkeypatch: pytest.MonkeyPatch) -> FakeSentinel:
    fake = FakeSentinel()
    monkeypatch.setattr(job_watch, "SentinelKeeper", lambda _: fake)
    return fake


@pytest.fixture
async def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
async def jobs(
    server: FakeServer, agent_settings: Settings, temporal: FakeTemporal, sentinel: FakeSentinel
) -> JobWatch:
    watch = JobWatch(server, agent_settings)
    server.emit("worker_started")
    return watch


@pytest.fixture
async def services() -> AsyncIterator[SpeechServices]:
    async with SpeechServices() as services, http_context.open():
        yield services
