"""Reconnects. A browser's EventSource reconnects after a broken stream, but never after an error."""

from __future__ import annotations

import asyncio

import pytest

from api.event_stream import follower
from api.event_stream.hub import Followers
from errors import InvalidInput, NoWorkerAnswered, SessionNotFound, TemporalUnavailable
from tests.fakes.event_source import SESSION, FakeEventSource, FakeLog
from tests.fakes.event_streams import PATIENCE_SECONDS, Reader, numbers

pytestmark = pytest.mark.usefixtures("hurried_followers")


async def first_frames(followers: Followers, after: int) -> bytes:
    async with followers.watch(SESSION, after) as watch:
        reader = Reader(watch.frames())
        await reader.to_the_end()
        return reader.raw


async def has_all(followers: Followers) -> bool:
    async with followers.watch(SESSION, 0) as watch:
        return watch.has_all


async def test_a_resume_is_not_refused_at_shutdown(followers: Followers, log: FakeLog, source: FakeEventSource) -> None:
    """A browser never reconnects after a 400; after a closed stream it asks another process."""
    log.emit(20)
    may_answer = source.hold()
    watching = asyncio.create_task(first_frames(followers, 12))
    await source.is_held()
    followers.close()
    may_answer.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert numbers(await watching) == []


async def test_shutdown_does_not_report_a_session_as_complete(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    log.emit(3)
    log.end()
    source.hold()
    async with asyncio.timeout(PATIENCE_SECONDS):
        watching = asyncio.create_task(has_all(followers))
        await source.is_held()
        followers.close()
        assert not await watching


@pytest.mark.parametrize("failure", [NoWorkerAnswered("none"), TemporalUnavailable("away")])
async def test_a_reconnect_during_an_outage_waits_in_the_stream(
    followers: Followers, log: FakeLog, source: FakeEventSource, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setattr(follower, "_KEEP_ALIVE_SECONDS", 0.01)
    log.emit(3)
    source.failure = failure
    async with followers.watch(SESSION, 2, is_reconnect=True) as watch:
        assert not watch.has_all
        frames = watch.frames()
        assert (await anext(frames)).startswith(b"retry: ")
        assert [await anext(frames) for _ in range(2)] == [b": ping\n\n"] * 2
        with pytest.raises(type(failure)):  # a first request gets the error
            async with followers.watch(SESSION, 0):
                pass
        source.failure = None
        reader = Reader(frames)
        assert await reader.to(3) == [3]
        log.end()
        assert await reader.to_the_end() == [3, 4]


async def test_a_reconnect_ahead_of_the_log_is_closed(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    log.emit(3)
    source.failure = NoWorkerAnswered("none")
    async with followers.watch(SESSION, 7, is_reconnect=True) as watch:
        source.failure = None
        assert await Reader(watch.frames()).to_the_end() == []
    with pytest.raises(InvalidInput, match="7 lies ahead"):
        async with followers.watch(SESSION, 7, is_reconnect=True):
            pass


async def test_a_reconnect_to_an_unknown_session_is_closed(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    source.failure = TemporalUnavailable("away")
    async with followers.watch(SESSION, 7, is_reconnect=True) as watch:
        source.failure = SessionNotFound("unknown")
        assert await Reader(watch.frames()).to_the_end() == []
