"""Missing presence reports: the API is down during the call, or the caller's process is killed.

The agents are simulated, as in the soak test: these tests are about LiveKit, its webhooks and the session.
"""

from __future__ import annotations

import asyncio
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace

import pytest
from temporalio.client import Client, WorkflowHandle

from connections.temporal_client import connect
from contracts.session import SessionRecord
from contracts.statuses import EndReason, SessionStatus
from lab.rest_client import SessionClient, Started
from lab.soak.agents import SimulatedAgents
from lab.soak.callers import join
from lab.soak.scripts import AgentFailure, Behaviour, Script
from settings import SessionSettings, Settings
from stack.local_stack import LocalStack
from workflows.voice_session import VoiceSession

pytestmark = pytest.mark.slow

GRACE_SECONDS = 5.0
TIMED_OUT_WITHIN_SECONDS = 40.0
"""LiveKit times out a crashed client after about 20 s."""
LISTENER = Script(
    "listener", Behaviour.LEAVES, 0, 0, lines=1, failure=AgentFailure.NONE, failure_after_lines=0, webhooks=()
)
CLIENT = """
import asyncio, sys
from livekit import rtc

async def main():
    url, token = sys.stdin.read().split()
    await rtc.Room().connect(url, token)
    print("joined", flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@dataclass(frozen=True)
class Scene:
    """The stack, with simulated agents."""

    stack: LocalStack
    rest: SessionClient
    temporal: Client

    def session(self, started: Started) -> WorkflowHandle[VoiceSession, SessionRecord]:
        return self.temporal.get_workflow_handle_for(VoiceSession.run, started.session_id)

    async def until(self, started: Started, state: SessionStatus) -> None:
        async with asyncio.timeout(30):
            while (await self.session(started).query(VoiceSession.view)).state is not state:  # noqa: ASYNC110  queries must be polled
                await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
def light_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    timers = SessionSettings(no_show_seconds=60, reconnect_grace_seconds=GRACE_SECONDS)
    parts = ("temporal", "livekit", "worker", "api")
    with LocalStack.isolated(tmp_path_factory.mktemp("light"), replace(Settings(), session=timers), parts) as running:
        yield running


@pytest.fixture
async def scene(light_stack: LocalStack) -> AsyncIterator[Scene]:
    settings = light_stack.settings
    temporal = await connect(settings.temporal)
    async with (
        SessionClient(f"http://127.0.0.1:{settings.api.port}") as rest,
        SimulatedAgents(settings, temporal, (LISTENER,)),
    ):
        yield Scene(light_stack, rest, temporal)


async def client_in_the_room(started: Started) -> Process:
    """Start a client process that has joined the room, for the test to kill."""
    client = await asyncio.create_subprocess_exec(sys.executable, "-c", CLIENT, stdin=PIPE, stdout=PIPE)
    assert client.stdin is not None
    assert client.stdout is not None
    client.stdin.write(f"{started.server_url} {started.token}".encode())
    client.stdin.write_eof()
    async with asyncio.timeout(30):
        assert await client.stdout.readline() == b"joined\n"
    return client


async def test_end_and_bill_do_not_depend_on_the_api(scene: Scene) -> None:
    started = await scene.rest.start(LISTENER.user_name)
    await scene.until(started, SessionStatus.WAITING)
    await asyncio.to_thread(scene.stack.stop_part, "api")
    try:
        before_join = time.time()
        room = await join(started)
        joined = time.time()
        await asyncio.sleep(3)
        leaving = time.time()
        await room.disconnect()
        left = time.time()
        summary = await asyncio.wait_for(scene.session(started).result(), 60)
    finally:
        await asyncio.to_thread(scene.stack.start_part, "api")
    assert summary.end_reason is EndReason.CALLER_LEFT
    assert int(leaving - joined) - 2 <= summary.duration_seconds <= int(left - before_join) + 1
    assert (await scene.rest.end(started.session_id))["durationSeconds"] == summary.duration_seconds


async def test_a_killed_client_can_rejoin_and_is_billed_from_its_first_join(scene: Scene) -> None:
    started = await scene.rest.start(LISTENER.user_name)
    session = scene.session(started)
    first = await client_in_the_room(started)
    await scene.until(started, SessionStatus.ACTIVE)
    joined = time.time()
    first.kill()
    second = await client_in_the_room(started)  # before LiveKit times out the first: a new SID of the same caller
    await scene.until(started, SessionStatus.ACTIVE)
    second.kill()
    killed = time.time()
    await asyncio.gather(first.wait(), second.wait())
    summary = await asyncio.wait_for(session.result(), TIMED_OUT_WITHIN_SECONDS + GRACE_SECONDS + 30)
    assert summary.end_reason is EndReason.CALLER_LEFT
    # It counts as present until LiveKit times it out, as with a bad network.
    assert int(killed - joined) - 2 <= summary.duration_seconds <= killed - joined + TIMED_OUT_WITHIN_SECONDS
