"""The whole real stack, once for all end-to-end tests, and what they look at it through."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import psutil
import pytest
from livekit import api
from temporalio.client import Client, WorkflowHandle

from contracts import SessionSummary
from settings import SessionSettings, Settings
from stack.caller import SessionClient, speech
from stack.local_stack import LocalStack
from temporal_client import connect
from workflows.voice_session import VoiceSession

ABSENCE_SECONDS = 6.0
"""No-show and reconnect grace of these sessions: long enough to come back in, short enough to wait for."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    timers = SessionSettings(no_show_seconds=ABSENCE_SECONDS, reconnect_grace_seconds=ABSENCE_SECONDS)
    settings = replace(Settings(), session=timers)
    speech.warm_up()
    with LocalStack.isolated(tmp_path_factory.mktemp("stack"), settings) as running:
        yield running


@dataclass(frozen=True)
class World:
    """One stack as a test sees it: by REST as its clients do, and behind it Temporal, LiveKit and the processes."""

    stack: LocalStack
    rest: SessionClient
    temporal: Client
    livekit: api.LiveKitAPI

    def session(self, session_id: str) -> WorkflowHandle[VoiceSession, SessionSummary]:
        return self.temporal.get_workflow_handle_for(VoiceSession.run, session_id)

    def busy_jobs(self) -> list[psutil.Process]:
        """The agent's job processes that are in a room: they hold a connection to LiveKit, idle ones do not."""
        port = self.stack.settings.stack.livekit_port
        return [
            process
            for process in psutil.Process(self.stack.pid("agent")).children(recursive=True)
            if any(connection.raddr and connection.raddr.port == port for connection in process.net_connections("tcp"))
        ]

    async def open_workflows(self) -> list[str]:
        return [found.id async for found in self.temporal.list_workflows("ExecutionStatus = 'Running'")]

    async def rooms(self) -> list[str]:
        return [room.name for room in (await self.livekit.room.list_rooms(api.ListRoomsRequest())).rooms]

    async def dispatches(self, room: str) -> list[str]:
        """Dispatches of a room. The room's own node keeps them: where there is no room, nobody answers the question."""
        try:
            found = await self.livekit.agent_dispatch.list_dispatch(room)
        except api.TwirpError as error:
            if error.code == "unavailable" and room not in await self.rooms():
                return []
            raise
        return [dispatch.id for dispatch in found]

    def logs(self) -> str:
        return "\n".join(log.read_text(errors="replace") for log in (self.stack.state_dir / "logs").iterdir())


@pytest.fixture
async def world(stack: LocalStack) -> AsyncIterator[World]:
    livekit = stack.settings.livekit
    secret = livekit.api_secret.get_secret_value()
    async with (
        SessionClient(f"http://127.0.0.1:{stack.settings.api.port}") as rest,
        api.LiveKitAPI(livekit.url, livekit.api_key, secret) as server,
    ):
        yield World(stack, rest, await connect(stack.settings.temporal), server)
