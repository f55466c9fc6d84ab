"""On Temporal's dev server: the log as the API follows it, news by the long poll on the history, pages by query.

The time-skipping server cannot do it: its long poll tells nothing of what is in the history already.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from temporalio.testing import WorkflowEnvironment

from api.event_stream.hub import Followers
from api.event_stream.source import TemporalEventSource
from connections.temporal_client import LazyClient
from contracts.events import EventsPage
from contracts.limits import SessionLimits
from contracts.statuses import SessionStatus
from errors import SessionNotFound, TemporalUnavailable
from settings import TemporalSettings
from tests.fakes.activities import FakeActivities
from tests.fakes.event_streams import PATIENCE_SECONDS, Reader
from tests.workflows.dev_server import PROMPT_TIMERS, dev_server
from tests.workflows.driver import Session
from worker import build_worker

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

QUEUE = "followed"
LONG = 60
"""Events after which this server suggests to continue as new."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dev() -> AsyncIterator[WorkflowEnvironment]:
    async with dev_server(PROMPT_TIMERS, f"limit.historyCount.suggestContinueAsNew={LONG}") as env:
        yield env


@pytest_asyncio.fixture(loop_scope="module")
async def session(dev: WorkflowEnvironment) -> AsyncIterator[Session]:
    fakes = FakeActivities(dev.client)
    async with build_worker(dev.client, fakes, QUEUE, fakes):
        yield Session(dev, fakes, QUEUE, SessionLimits())


async def read(source: TemporalEventSource, session_id: str) -> EventsPage:
    """The first page of the log."""
    return await anext(source.pages(session_id, 0))


def source_at(address: str) -> TemporalEventSource:
    settings = TemporalSettings(address=address)
    return TemporalEventSource(LazyClient(settings), settings)


@pytest.fixture
def source(dev: WorkflowEnvironment) -> TemporalEventSource:
    return source_at(dev.client.service_client.config.target_host)


async def test_a_follower_reads_a_call_to_its_end(session: Session, source: TemporalEventSource) -> None:
    followers = Followers(source)
    agent = await session.in_conversation()
    async with followers.watch(session.id, 0) as watch, followers.watch(session.id, 4) as other:
        reader = Reader(watch.frames())
        await reader.to(7)
        assert b'"state":"active"' in reader.raw
        await agent.say("Hello!")
        await reader.to(8)
        assert b'"text":"Hello!"' in reader.raw
        await session.end()
        numbers = await reader.to_the_end()
        assert numbers == list(range(1, len(numbers) + 1))
        assert await Reader(other.frames()).to_the_end() == numbers[4:]
    assert b"event: session.ended" in reader.raw
    async with followers.watch(session.id, 7) as watch:
        assert await Reader(watch.frames()).to_the_end() == numbers[7:]
    async with followers.watch(session.id, numbers[-1]) as watch:
        assert watch.has_all


async def test_a_follower_reads_across_continue_as_new_without_a_gap(
    session: Session, source: TemporalEventSource
) -> None:
    followers = Followers(source)
    agent = await session.in_conversation()
    first_run = (await session.handle.describe()).run_id
    async with followers.watch(session.id, 0) as watch:
        reader = Reader(watch.frames())
        async with asyncio.timeout(3 * PATIENCE_SECONDS):
            said = 0
            while (await session.handle.describe()).run_id == first_run:
                said += 1
                await agent.say(f"Sentence {said}.")
        await session.end()
        numbers = await reader.to_the_end()
    assert numbers == list(range(1, len(numbers) + 1))
    assert reader.raw.count(b"event: turn") == said


async def test_followers_of_a_session_get_its_events(session: Session, source: TemporalEventSource) -> None:
    await session.start()
    await session.agent()
    await session.until(SessionStatus.WAITING)
    changes = source.changes(session.id)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert await changes.wait(), "what is in the history already"
        waiting = asyncio.create_task(changes.wait())
        known = (await read(source, session.id)).last
        await session.join()
        while (await read(source, session.id)).last == known:
            assert await waiting
            waiting = asyncio.create_task(changes.wait())
        await session.end()
        while await waiting:
            waiting = asyncio.create_task(changes.wait())
        assert not await changes.wait()
    assert (await read(source, session.id)).is_over


async def test_no_such_session(source: TemporalEventSource) -> None:
    for unknown in ("session_1800000000_abcdef", "lobby"):
        with pytest.raises(SessionNotFound, match=f"Session {unknown} not found"):
            await read(source, unknown)
    with pytest.raises(SessionNotFound):
        await source.changes("session_1800000000_abcdef").wait()


async def test_temporal_away() -> None:
    source, session_id = source_at("127.0.0.1:9"), "session_1800000000_abcdef"
    for asked in (read(source, session_id), source.changes(session_id).wait()):
        with pytest.raises(TemporalUnavailable, match=r"^Temporal is unreachable\.$"):
            await asked
