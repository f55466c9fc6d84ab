"""The limit on live sessions, though Temporal's counts lag."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from api.app import create_app
from api.gateway.session_limit import Capacity
from contracts.statuses import SessionStatus
from errors import JoinTokenFailed, KeyTaken, NoPlace, TemporalUnavailable
from settings import ApiSettings, Settings
from tests.fakes.asgi_client import client_of
from tests.fakes.session_counts import FakeSessionCounts
from tests.fakes.sessions import FakeSessions

_ACTIVE = ("", SessionStatus.ACTIVE)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def take(capacity: Capacity, session_id: str) -> bool:
    """Start a session that Temporal does not count yet; False without a free place."""
    try:
        async with capacity.place(session_id):
            return True
    except NoPlace:
        return False


async def test_without_a_limit_nothing_is_counted(counts: FakeSessionCounts) -> None:
    counts.failure = AssertionError("asked")
    assert await take(Capacity(counts, 0), "a")


async def test_places_are_reserved_before_temporal_counts_them(counts: FakeSessionCounts, clock: Clock) -> None:
    capacity = Capacity(counts, 3, clock)
    counts.visible["of another API"] = _ACTIVE
    assert [await take(capacity, session_id) for session_id in "abc"] == [True, True, False]
    counts.visible["a"] = counts.visible["b"] = _ACTIVE  # counted by Temporal now, but not twice
    assert not await take(capacity, "c")
    del counts.visible["of another API"]
    assert [await take(capacity, session_id) for session_id in "cd"] == [True, False]


async def test_concurrent_starts_never_share_a_place(counts: FakeSessionCounts) -> None:
    capacity = Capacity(counts, 7)
    taken = await asyncio.gather(*(take(capacity, f"session_{number}") for number in range(100)))
    assert sum(taken) == 7


async def test_an_end_releases_its_place(counts: FakeSessionCounts, clock: Clock) -> None:
    capacity = Capacity(counts, 1, clock)
    assert await take(capacity, "a")
    clock.now = 1.9
    assert not await take(capacity, "b")
    clock.now = 2.1  # Temporal would count it by now if it were live
    assert await take(capacity, "b")


async def test_a_failed_start_releases_its_place(counts: FakeSessionCounts) -> None:
    capacity = Capacity(counts, 1)
    with pytest.raises(JoinTokenFailed):
        async with capacity.place("a"):
            raise JoinTokenFailed("no key")
    assert await take(capacity, "b")


async def test_a_failed_repeat_keeps_the_place_of_the_session(counts: FakeSessionCounts) -> None:
    """A start is repeated with another body, before Temporal counts the session."""
    capacity = Capacity(counts, 1)
    assert await take(capacity, "a")
    with pytest.raises(KeyTaken):
        async with capacity.place("a"):
            raise KeyTaken("another body")
    assert not await take(capacity, "b")


async def test_a_running_start_keeps_its_place_when_its_duplicate_fails(counts: FakeSessionCounts) -> None:
    capacity = Capacity(counts, 1)
    async with capacity.place("a"):
        with pytest.raises(KeyTaken):
            async with capacity.place("a"):
                raise KeyTaken("another body")
        assert not await take(capacity, "b")
    assert not await take(capacity, "b")


async def test_a_flood_of_starts_is_refused_without_a_query(counts: FakeSessionCounts) -> None:
    """Queries name all of them, so in a flood each would be longer than the one before."""
    capacity = Capacity(counts, 3)
    assert sum(await asyncio.gather(*(take(capacity, f"session_{number}") for number in range(20)))) == 3
    assert counts.asked == 3


async def test_a_session_with_a_place_keeps_it(counts: FakeSessionCounts, clock: Clock) -> None:
    """A start is repeated with its Idempotency-Key: its session is live and needs no other place."""
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
    async with client_of(app) as http:
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
