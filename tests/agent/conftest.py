"""An AgentServer of fakes, for the tests of what watches its jobs."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from agent.host import lost_jobs
from settings import AgentSettings, LiveKitSettings, Settings
from tests.fakes.agent_server import SECRET, FakeSentinel, FakeServer
from tests.fakes.temporal import FakeTemporal


@pytest.fixture
def agent_settings() -> Settings:
    return Settings(
        livekit=LiveKitSettings(url="ws://127.0.0.1:1", api_key="key", api_secret=SecretStr(SECRET)),
        agent=AgentSettings(max_jobs=2, idle_processes=1),
    )


@pytest.fixture
def temporal(monkeypatch: pytest.MonkeyPatch) -> FakeTemporal:
    """What everybody here takes for Temporal."""
    fake = FakeTemporal()
    monkeypatch.setattr(lost_jobs, "LazyClient", lambda _: fake)
    return fake


@pytest.fixture
def sentinel(monkeypatch: pytest.MonkeyPatch) -> FakeSentinel:
    fake = FakeSentinel()
    monkeypatch.setattr(lost_jobs, "SentinelKeeper", lambda _: fake)
    return fake


@pytest.fixture
def fake_server() -> Any:
    return FakeServer()
