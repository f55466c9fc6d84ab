"""An agent host with fakes of its AgentServer and of Temporal, and hosted speech services."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from livekit.agents.utils import http_context
from pydantic import SecretStr

from agent.host.jobs import Jobs
from settings import AgentSettings, LiveKitSettings, Settings
from tests.fakes.agent_server import SECRET, FakeSentinel, FakeServer
from tests.fakes.launched_job import LaunchedJob
from tests.fakes.speech_services import SpeechServices
from tests.fakes.temporal import FakeTemporal


@pytest.fixture
def agent_settings() -> Settings:
    return Settings(
        livekit=LiveKitSettings(url="ws://127.0.0.1:1", api_key="key", api_secret=SecretStr(SECRET)),
        agent=AgentSettings(max_jobs=2, idle_processes=1, health_host="127.0.0.1", health_port=18081),
    )


@pytest.fixture
def temporal() -> FakeTemporal:
    return FakeTemporal()


@pytest.fixture
def sentinel(monkeypatch: pytest.MonkeyPatch) -> FakeSentinel:
    fake = FakeSentinel()
    monkeypatch.setattr("agent.host.jobs.SentinelKeeper", lambda _: fake)
    return fake


@pytest.fixture
async def server() -> FakeServer:
    return FakeServer()


class IdleWorker:
    """A worker that gets nothing to do."""

    async def run(self) -> None:
        await asyncio.Event().wait()


@pytest.fixture
async def jobs(
    server: FakeServer,
    agent_settings: Settings,
    temporal: FakeTemporal,
    sentinel: FakeSentinel,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Jobs]:
    """The jobs of a host that is connected."""
    monkeypatch.setattr("agent.host.jobs.build_adoption_worker", lambda *_: IdleWorker())
    monkeypatch.setattr("agent.host.jobs._SETTLE_SECONDS", 0.3)  # jobs without a process never end
    jobs = Jobs(server, agent_settings, lambda _: None)
    await jobs.start(await temporal.get())
    yield jobs
    await jobs.aclose()


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Processes that were killed; this one is every job's."""
    pids: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: pids.append(pid))
    return pids


@pytest.fixture
async def job(jobs: Jobs, killed: list[int]) -> AsyncIterator[LaunchedJob]:
    launched = LaunchedJob(jobs)
    yield launched
    if launched.link:
        await launched.link.leave("the test is over", handed_over=False)


@pytest.fixture
async def services() -> AsyncIterator[SpeechServices]:
    async with SpeechServices() as services, http_context.open():
        yield services
