"""The application with sessions in memory, called in process; and the gateways on a real Temporal."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from api.app import create_app
from api.event_stream import follower
from api.event_stream.hub import Followers
from api.gateway.session_reader import TemporalSessionReader
from api.gateway.sessions import TemporalSessions
from connections.temporal_client import LazyClient, connect
from contracts import search_attributes
from contracts.agent_options import AgentOptions
from contracts.identities import new_session_id
from contracts.session import SessionRequest
from settings import LiveKitSettings, Settings, StackSettings, TemporalSettings
from stack.servers.find import resolve_servers
from tests.api import requests_sent
from tests.fakes.asgi_client import client_of
from tests.fakes.dev_server import QUEUE, Start, settings_at
from tests.fakes.event_source import SESSION, FakeEventSource, FakeLog
from tests.fakes.quiet_activities import QuietActivities
from tests.fakes.session_counts import FakeSessionCounts
from tests.fakes.session_reader import FakeSessionReader
from tests.fakes.sessions import FakeSessions
from worker import build_worker

API_KEY = "devkey"
API_SECRET = "a-secret-of-at-least-64-characters-so-that-every-algorithm-takes-it!"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report the generated requests, if any."""
    if requests_sent.SENT:
        terminalreporter.write_line(requests_sent.summary())


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
def counts() -> FakeSessionCounts:
    return FakeSessionCounts()


@pytest.fixture
async def http(
    settings: Settings, sessions: FakeSessions, reader: FakeSessionReader, counts: FakeSessionCounts
) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(settings, sessions, reader, counts=counts)) as client:
        yield client


@pytest.fixture(scope="session")
def temporal_binary() -> Path:
    return resolve_servers(StackSettings(), ["temporal"]).temporal


@pytest.fixture
async def server(temporal_binary: Path) -> AsyncIterator[str]:
    """The address of a new dev server."""
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(temporal_binary),
        dev_server_log_level="error",
        search_attributes=search_attributes.ALL,
    )
    async with environment:
        yield environment.client.service_client.config.target_host


@pytest.fixture
async def client(server: str) -> Client:
    return await connect(TemporalSettings(address=server))


@pytest.fixture
def activities() -> QuietActivities:
    return QuietActivities()


@pytest.fixture
async def worker(client: Client, activities: QuietActivities) -> AsyncIterator[Worker]:
    async with build_worker(client, activities, QUEUE, activities) as worker:
        yield worker


@pytest.fixture
async def gateway(server: str) -> AsyncIterator[TemporalSessions]:
    """Sessions on this server."""
    settings = settings_at(server)
    gateway = TemporalSessions(LazyClient(settings.temporal), settings)
    yield gateway
    await gateway.close()


@pytest.fixture
async def impatient(server: str) -> AsyncIterator[TemporalSessions]:
    """The same with a short timeout, for tests without a worker."""
    settings = settings_at(server, start_timeout_seconds=1.5)
    gateway = TemporalSessions(LazyClient(settings.temporal), settings)
    yield gateway
    await gateway.close()


@pytest.fixture
async def start(gateway: TemporalSessions, client: Client) -> AsyncIterator[Start]:
    """Starts sessions, which are terminated after the test, since the worker waits for their agents."""
    started: list[str] = []

    async def start_one(user: str = "test", metadata: dict[str, Any] | None = None, webhook_url: str = "") -> str:
        session_id = new_session_id(int(time.time()))
        started.append(session_id)
        options = AgentOptions(voice_id="Craig")
        request = SessionRequest(session_id=session_id, user_name=user, options=options, webhook_url=webhook_url)
        await gateway.start(request, metadata)
        return session_id

    yield start_one
    for session_id in started:
        with suppress(RPCError):  # it has ended
            await client.get_workflow_handle(session_id).terminate()


@pytest.fixture
def known(server: str) -> TemporalSessionReader:
    settings = settings_at(server).temporal
    return TemporalSessionReader(LazyClient(settings), settings)


@pytest.fixture
def source() -> FakeEventSource:
    return FakeEventSource()


@pytest.fixture
def followers(source: FakeEventSource) -> Followers:
    return Followers(source)


@pytest.fixture
def hurried_followers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Followers with short pauses between retries."""
    monkeypatch.setattr(follower, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(follower, "_LONGEST_PAUSE_SECONDS", 0.02)


@pytest.fixture
def log(source: FakeEventSource) -> FakeLog:
    return source.log(SESSION)
