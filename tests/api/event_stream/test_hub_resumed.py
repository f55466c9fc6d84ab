"""Who comes back to a session: a browser's EventSource does after a stream that broke off, and never after an error."""

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


async def test_a_resume_is_not_refused_because_the_process_ends(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    """A browser that is told 400 never comes back; a stream that ends makes it ask another process."""
    log.tell(20)
    may_answer = source.hold()
    watching = asyncio.create_task(first_frames(followers, 12))
    await source.is_held()
    followers.close()
    may_answer.set()
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert numbers(await watching) == []


async def test_an_ended_session_is_not_said_to_be_read_because_the_process_ends(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    log.tell(3)
    log.end()
    source.hold()
    async with asyncio.timeout(PATIENCE_SECONDS):
        watching = asyncio.create_task(has_all(followers))
        await source.is_held()
        followers.close()
        assert not await watching


@pytest.mark.parametrize("failure", [NoWorkerAnswered("none"), TemporalUnavailable("away")])
async def test_who_comes_back_while_nobody_answers_waits_in_the_stream(
    followers: Followers, log: FakeLog, source: FakeEventSource, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    monkeypatch.setattr(follower, "_KEEP_ALIVE_SECONDS", 0.01)
    log.tell(3)
    source.failure = failure
    async with followers.watch(SESSION, 2, is_reconnect=True) as watch:
        assert not watch.has_all
        frames = watch.frames()
        assert (await anext(frames)).startswith(b"retry: ")
        assert [await anext(frames) for _ in range(2)] == [b": ping\n\n"] * 2
        with pytest.raises(type(failure)):  # who only begins is told, as ever
            async with followers.watch(SESSION, 0):
                pass
        source.failure = None
        reader = Reader(frames)
        assert await reader.to(3) == [3]
        log.end()
        assert await reader.to_the_end() == [3, 4]


async def test_who_came_back_to_a_number_that_never_was_is_sent_away(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    log.tell(3)
    source.failure = NoWorkerAnswered("none")
    async with followers.watch(SESSION, 7, is_reconnect=True) as watch:
        source.failure = None
        assert await Reader(watch.frames()).to_the_end() == []
    with pytest.raises(InvalidInput, match="7 lies ahead"):
        async with followers.watch(SESSION, 7, is_reconnect=True):
            pass


async def test_who_came_back_to_a_session_that_is_unknown_is_sent_away(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    source.failure = TemporalUnavailable("away")
    async with followers.watch(SESSION, 7, is_reconnect=True) as watch:
        source.failure = SessionNotFound("unknown")
        assert await Reader(watch.frames()).to_the_end() == []
