"""How many sessions may run at once, though Temporal counts them a moment late."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import httpx
import pytest

from api.app import create_app
from api.gateway.capacity import Capacity
from contracts.statuses import SessionStatus
from errors import JoinTokenFailed, KeyTaken, NoPlace, TemporalUnavailable
from settings import ApiSettings, Settings
from tests.fakes.session_counts import FakeSessionCounts
from tests.fakes.sessions import FakeSessions

_ACTIVE = ("", SessionStatus.ACTIVE)


class Clock:
    """Goes when it is told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def counts() -> FakeSessionCounts:
    return FakeSessionCounts()


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def take(capacity: Capacity, session_id: str) -> bool:
    """Start a session that Temporal does not show yet; False when there was no place."""
    try:
        async with capacity.place(session_id):
            return True
    except NoPlace:
        return False


async def test_no_limit_asks_nobody(counts: FakeSessionCounts) -> None:
    counts.failure = AssertionError("asked")
    assert await take(Capacity(counts, 0), "a")


async def test_places_are_given_once_before_temporal_shows_them(counts: FakeSessionCounts, clock: Clock) -> None:
    capacity = Capacity(counts, 3, clock)
    counts.visible["of another API"] = _ACTIVE
    assert [await take(capacity, session_id) for session_id in "abc"] == [True, True, False]
    counts.visible["a"] = counts.visible["b"] = _ACTIVE  # shown now, and still not counted twice
    assert not await take(capacity, "c")
    del counts.visible["of another API"]
    assert [await take(capacity, session_id) for session_id in "cd"] == [True, False]


async def test_a_hundred_at_once_get_no_place_twice(counts: FakeSessionCounts) -> None:
    capacity = Capacity(counts, 7)
    taken = await asyncio.gather(*(take(capacity, f"session_{number}") for number in range(100)))
    assert sum(taken) == 7


async def test_an_end_gives_its_place_back(counts: FakeSessionCounts, clock: Clock) -> None:
    capacity = Capacity(counts, 1, clock)
    assert await take(capacity, "a")
    clock.now = 1.9
    assert not await take(capacity, "b")
    clock.now = 2.1  # by now Temporal would show it if it still ran
    assert await take(capacity, "b")


async def test_a_start_that_fails_gives_its_place_back(counts: FakeSessionCounts) -> None:
    capacity = Capacity(counts, 1)
    with pytest.raises(JoinTokenFailed):
        async with capacity.place("a"):
            raise JoinTokenFailed("no key")
    assert await take(capacity, "b")


async def test_a_repeated_start_that_fails_leaves_the_session_its_place(counts: FakeSessionCounts) -> None:
    """The key was used with another body: the session that runs under it is not shown by Temporal yet."""
    capacity = Capacity(counts, 1)
    assert await take(capacity, "a")
    with pytest.raises(KeyTaken):
        async with capacity.place("a"):
            raise KeyTaken("another body")
    assert not await take(capacity, "b")


async def test_a_start_under_way_keeps_its_place_when_its_twin_fails(counts: FakeSessionCounts) -> None:
    capacity = Capacity(counts, 1)
    async with capacity.place("a"):
        with pytest.raises(KeyTaken):
            async with capacity.place("a"):
                raise KeyTaken("another body")
        assert not await take(capacity, "b")
    assert not await take(capacity, "b")


async def test_starts_that_fill_it_by_themselves_are_not_counted_by_temporal(counts: FakeSessionCounts) -> None:
    """Each question names them all: a flood of starts would make each longer than the one before."""
    capacity = Capacity(counts, 3)
    assert sum(await asyncio.gather(*(take(capacity, f"session_{number}") for number in range(20)))) == 3
    assert counts.asked == 3


async def test_one_that_has_a_place_keeps_it(counts: FakeSessionCounts, clock: Clock) -> None:
    """A start is repeated under its Idempotency-Key: its session runs, and nobody else's place is asked for."""
    capacity = Capacity(counts, 1, clock)
    assert await take(capacity, "a")
    assert await take(capacity, "a")
    counts.visible["a"] = _ACTIVE
    clock.now = 60
    assert await take(capacity, "a")
    assert not await take(capacity, "b")


async def test_over_http(settings: Settings, sessions: FakeSessions, counts: FakeSessionCounts) -> None:
    app = create_app(replace(settings, api=ApiSettings(max_sessions=1)), sessions, counts=counts)
    counts.visible["of another API"] = _ACTIVE
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as http:
        answer = await http.post("/api/session/start", json={"userName": "ann"})
        assert answer.status_code == 503
        assert answer.json() == {"detail": "All 1 places for sessions are taken; ask again later."}
        assert answer.headers["retry-after"] == "5"
        counts.failure = TemporalUnavailable("Temporal is unreachable.")
        answer = await http.post("/api/session/start", json={"userName": "ann"})
        assert (answer.status_code, answer.json()) == (503, {"detail": str(counts.failure)})
        assert not sessions.started
        counts.failure = None
        counts.visible.clear()
        assert (await http.post("/api/session/start", json={"userName": "ann"})).status_code == 200
