"""Watchers of a session share one follower, through outages, slow clients and shutdown."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.event_stream import follower
from api.event_stream.hub import Followers
from errors import InvalidInput, NoWorkerAnswered, SessionNotFound, TemporalUnavailable
from tests.fakes.event_source import SESSION, FakeEventSource, FakeLog
from tests.fakes.event_streams import PATIENCE_SECONDS, Reader

pytestmark = pytest.mark.usefixtures("hurried_followers")


async def follow(followers: Followers, stack: AsyncExitStack, after: int = 0) -> Reader:
    return Reader((await stack.enter_async_context(followers.watch(SESSION, after))).frames())


async def test_the_stream_of_an_ended_session_is_replayed_and_closed(followers: Followers, log: FakeLog) -> None:
    log.emit(4)
    log.end()
    async with followers.watch(SESSION, 0) as watch:
        assert not watch.has_all
        assert await Reader(watch.frames()).to_the_end() == [1, 2, 3, 4, 5]
    async with followers.watch(SESSION, 3) as watch:
        assert await Reader(watch.frames()).to_the_end() == [4, 5]
    async with followers.watch(SESSION, 5) as watch:
        assert watch.has_all
    assert not len(followers)


async def test_a_live_session_is_followed_until_its_end(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    log.emit(2)
    async with followers.watch(SESSION, 0) as watch:
        reader = Reader(watch.frames())
        await reader.to(2)
        log.emit()
        await reader.to(3)
        log.end()
        assert await reader.to_the_end() == [1, 2, 3, 4]
    assert reader.raw.startswith(b"retry: ")
    assert source.asked["changes"] == 1


async def test_a_terminated_session_has_no_last_event(followers: Followers, log: FakeLog) -> None:
    log.emit(2)
    async with followers.watch(SESSION, 0) as watch:
        log.close()
        assert await Reader(watch.frames()).to_the_end() == [1, 2]
    async with followers.watch(SESSION, 2) as watch:
        assert watch.has_all


async def test_a_thousand_watchers_share_one_follower(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    log.emit(3)
    async with AsyncExitStack() as stack:
        readers = await asyncio.gather(*(follow(followers, stack, after % 3) for after in range(1000)))
        assert len(followers) == 1
        await asyncio.gather(*(reader.to(3) for reader in readers))
        assert source.asked["changes"] == 1
        before = source.asked["pages"]
        assert before <= 3
        for _ in range(50):  # in one moment, so they are read together
            log.emit()
        received = await asyncio.gather(*(reader.to(53) for reader in readers))
        assert source.asked["pages"] - before <= 3
        assert received == [list(range(after % 3 + 1, 54)) for after in range(1000)]
        assert source.waiting <= 1
    assert not len(followers)
    await asyncio.sleep(0)
    assert not source.waiting, "without watchers nothing waits"


async def test_watchers_that_arrive_while_the_log_is_read(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    source.most_a_page = 7
    log.emit(30)
    async with AsyncExitStack() as stack:
        readers = await asyncio.gather(*(follow(followers, stack) for _ in range(20)))
        assert [await reader.to(30) for reader in readers] == [list(range(1, 31))] * 20
        assert source.asked["pages"] <= 6


async def test_a_number_that_another_process_has_sent(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    log.emit(3)
    async with followers.watch(SESSION, 0) as watch:
        await Reader(watch.frames()).to(3)
        source.blackout = TemporalUnavailable("Temporal is away")  # no changes either
        log.emit()
        await asyncio.sleep(0)
        source.blackout = None
        async with followers.watch(SESSION, 4) as other:
            log.emit()
            assert await Reader(other.frames()).to(5) == [5]
        with pytest.raises(InvalidInput, match="Last-Event-ID: 6 lies ahead: this session's last event is 5"):
            async with followers.watch(SESSION, 6):
                pass


async def test_following_survives_an_outage(followers: Followers, log: FakeLog, source: FakeEventSource) -> None:
    log.emit()
    async with followers.watch(SESSION, 0) as watch:
        reader = Reader(watch.frames())
        await reader.to(1)
        source.blackout = TemporalUnavailable("Temporal is away")
        log.emit()
        waited = source.asked["wait"]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while source.asked["wait"] < waited + 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        source.blackout = None
        source.failure = NoWorkerAnswered("no worker")
        asked = source.asked["pages"]
        async with asyncio.timeout(PATIENCE_SECONDS):
            while source.asked["pages"] < asked + 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        source.failure = None
        assert await reader.to(2) == [1, 2], "without another change"
        log.end()
        assert await reader.to_the_end() == [1, 2, 3]


async def test_keep_alive_comments(followers: Followers, log: FakeLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "_KEEP_ALIVE_SECONDS", 0.01)
    log.emit()
    async with followers.watch(SESSION, 1) as watch:
        frames = watch.frames()
        assert (await anext(frames)).startswith(b"retry: ")
        assert [await anext(frames) for _ in range(3)] == [b": ping\n\n"] * 3


@pytest.mark.parametrize("failure", [SessionNotFound("unknown"), NoWorkerAnswered("none"), TemporalUnavailable("away")])
async def test_errors_are_raised_before_the_stream(
    followers: Followers, log: FakeLog, source: FakeEventSource, failure: Exception
) -> None:
    log.emit()
    source.failure = failure
    for _ in range(2):
        with pytest.raises(type(failure), match=str(failure)):
            async with followers.watch(SESSION, 0):
                pass
    assert not len(followers)
    source.failure = None
    async with followers.watch(SESSION, 0) as watch:
        assert await Reader(watch.frames()).to(1) == [1]


async def test_an_unexpected_error_closes_only_the_present_streams(
    followers: Followers, log: FakeLog, source: FakeEventSource
) -> None:
    log.emit()
    async with followers.watch(SESSION, 0) as watch:
        reader = Reader(watch.frames())
        await reader.to(1)
        source.blackout = ValueError("a bug")
        log.emit()
        assert await reader.to_the_end() == [1]
        source.blackout = None
        async with followers.watch(SESSION, 1) as again:
            assert not again.has_all
            assert await Reader(again.frames()).to(2) == [2]


async def test_a_slow_watcher_is_closed_and_can_reconnect(source: FakeEventSource, log: FakeLog) -> None:
    followers = Followers(source, most=10)
    log.emit(5)
    async with followers.watch(SESSION, 0) as watch, followers.watch(SESSION, 0) as other:
        slow, quick = Reader(watch.frames()), Reader(other.frames())
        await slow.to(5)
        await quick.to(5)
        for last in range(6, 20):
            log.emit()
            await quick.to(last)
        assert await slow.to_the_end() == [1, 2, 3, 4, 5], "6 to 9 are not here any more"
    log.dropped = 0
    async with followers.watch(SESSION, 9) as watch:
        assert await Reader(watch.frames()).to(19) == list(range(10, 20))


async def test_dropped_events_are_left_out(followers: Followers, log: FakeLog, source: FakeEventSource) -> None:
    log.emit(20)
    log.dropped = 12
    async with followers.watch(SESSION, 0) as watch:
        reader = Reader(watch.frames())
        assert await reader.to(20) == list(range(13, 21))
        log.emit(30)
        log.dropped = 40
        assert await reader.to_the_end() == list(range(13, 21)), "it cannot go on without a gap"
        async with followers.watch(SESSION, 20) as again:
            assert await Reader(again.frames()).to(50) == list(range(41, 51))


async def test_streams_close_at_shutdown(followers: Followers, log: FakeLog, source: FakeEventSource) -> None:
    log.emit()
    async with followers.watch(SESSION, 0) as watch:
        reader = Reader(watch.frames())
        await reader.to(1)
        followers.close()
        assert await reader.to_the_end() == [1]
        async with followers.watch(SESSION, 0) as late:
            assert await Reader(late.frames()).to_the_end() == [1]
    await asyncio.sleep(0)
    assert not source.waiting


async def test_a_watcher_that_leaves_before_the_log_is_read(followers: Followers, log: FakeLog) -> None:
    log.emit()
    async with asyncio.timeout(PATIENCE_SECONDS):
        watching = asyncio.create_task(followers.watch(SESSION, 0).__aenter__())
        await asyncio.sleep(0)
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
    assert not len(followers)


@given(
    steps=st.lists(st.integers(1, 9), max_size=8),
    page=st.integers(1, 9),
    breaks=st.lists(st.integers(0, 5), max_size=6),
)
def test_reconnects_miss_and_repeat_nothing(steps: list[int], page: int, breaks: list[int]) -> None:
    async def watched() -> list[int]:
        source = FakeEventSource()
        source.most_a_page = page
        followers, log = Followers(source), source.log(SESSION)
        received: list[int] = []
        for step, count in enumerate(steps):
            log.emit(step)
            for number in breaks[:count]:
                async with followers.watch(SESSION, len(received)) as watch:
                    if due := min(number, len(log.events) - len(received)):
                        numbers = await Reader(watch.frames()).to(len(received) + due)
                        received += numbers[:due]
        log.end()
        async with followers.watch(SESSION, len(received)) as watch:
            received += await Reader(watch.frames()).to_the_end()
        assert len(received) == len(log.events)
        return received

    received = asyncio.run(watched())
    assert received == list(range(1, len(received) + 1))
