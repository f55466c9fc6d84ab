"""Admission by the age of the agents' task queue, as Temporal reports it."""

from __future__ import annotations

import time

import pytest

from api.gateway.agent_queue import AgentQueue
from api.gateway.session_counts import QueuedLaunches
from contracts.statuses import SessionStatus
from errors import NoPlace, TemporalUnavailable
from tests.fakes.session_counts import FakeSessionCounts

LONG_AGO = 30.0


def queue(oldest_seconds: float, polled_ago: float | None = LONG_AGO) -> QueuedLaunches:
    polled_at = None if polled_ago is None else time.time() - polled_ago
    return QueuedLaunches(count=3, oldest_seconds=oldest_seconds, polled_at=polled_at)


async def refusal(counts: FakeSessionCounts, longest: float | None) -> NoPlace | None:
    """The refusal of a caller who waits that long."""
    try:
        await AgentQueue(counts).admit(longest)
    except NoPlace as error:
        return error
    return None


async def test_a_caller_waits_as_long_as_it_says(counts: FakeSessionCounts) -> None:
    counts.queue = queue(12.3)
    assert await refusal(counts, None) is None
    assert await refusal(counts, 20) is None
    refused = await refusal(counts, 10)
    assert str(refused) == "All agents are busy: callers wait 12 s for one; ask again later."


async def test_who_does_not_wait_is_refused_while_others_do(counts: FakeSessionCounts) -> None:
    counts.queue = queue(0.1)
    assert await refusal(counts, 0) is not None
    counts.queue = queue(0)
    assert await refusal(counts, 0) is None


@pytest.mark.parametrize(("age", "seconds"), [(0.2, 1), (12.3, 13), (3600, 60)])
async def test_retry_after_is_the_age(counts: FakeSessionCounts, age: float, seconds: int) -> None:
    counts.queue = queue(age)
    refused = await refusal(counts, 0)
    assert refused is not None
    assert refused.retry_after == seconds


async def test_no_agent_host(counts: FakeSessionCounts) -> None:
    counts.queue = queue(70, polled_ago=None)
    assert str(await refusal(counts, 10)).startswith("No agent host is running, so no agent can come; start one")
    counts.visible["a call"] = ("", SessionStatus.ACTIVE)  # hosts that are full do not poll
    assert str(await refusal(counts, 10)).startswith("All agents are busy")


async def test_launches_of_ended_sessions_refuse_nobody_while_hosts_poll(counts: FakeSessionCounts) -> None:
    counts.queue = queue(70, polled_ago=0.5)
    assert await refusal(counts, 10) is None
    counts.starting = 1  # somebody does wait
    assert await refusal(counts, 10) is not None


async def test_temporal_is_asked_once_a_second(counts: FakeSessionCounts) -> None:
    counts.queue = queue(70)
    asked = AgentQueue(counts)
    for _ in range(5):
        with pytest.raises(NoPlace):
            await asked.admit(10)
    assert counts.asked == 1


async def test_without_an_answer_the_start_goes_on(counts: FakeSessionCounts) -> None:
    counts.failure = TemporalUnavailable("away")
    assert await refusal(counts, 0) is None
