"""Heartbeats, and the verdicts that follow from Temporal's answers."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from itertools import pairwise
from typing import cast

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.service import RPCError, RPCStatusCode

from agent.workflow_link.heartbeat import Heartbeat, Verdict
from contracts.agent import AgentOutcome, AgentPulse
from tests.fakes.briefings import briefing
from tests.fakes.temporal import NOT_FOUND, UNAVAILABLE

OUTCOME = AgentOutcome(generation=1, cause="done")


class FakeHandle:
    """Answers heartbeats and completions from a list; None accepts."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.beats: list[tuple[object, ...]] = []
        self.beat_at: list[float] = []
        self.rpc_timeouts: set[timedelta] = set()
        self.completed: list[object] = []
        self.beaten = asyncio.Event()

    def get_async_activity_handle(self, *, task_token: bytes) -> FakeHandle:
        assert task_token == b"token"
        return self

    def _answer(self) -> None:
        if self.answers and (answer := self.answers.pop(0)) is not None:
            raise answer

    async def heartbeat(self, *details: object, rpc_timeout: timedelta) -> None:
        self.beats.append(details)
        self.beat_at.append(time.monotonic())
        self.rpc_timeouts.add(rpc_timeout)
        self.beaten.set()
        self._answer()

    async def complete(self, result: object, *, rpc_timeout: object) -> None:
        self._answer()
        self.completed.append(result)


class FakeJob:
    """A job in its room. It is muted for the first `muted` heartbeats."""

    pid = 7

    def __init__(self, *, in_room: bool = True, muted: bool = False) -> None:
        self.in_room, self.muted = in_room, muted
        self.confirmed = 0

    def confirm(self) -> None:
        self.confirmed += 1
        self.muted = False


def heartbeat(handle: FakeHandle) -> Heartbeat:
    return Heartbeat(cast("Client", handle), b"token", "agent_1_x")


async def verdict(handle: FakeHandle, job: FakeJob | None = None, seconds: float = 0.03, alone: float = 60) -> Verdict:
    briefed = briefing(heartbeat_timeout_seconds=seconds, alone_seconds=alone)
    return await asyncio.wait_for(heartbeat(handle).run(job or FakeJob(), briefed), 5)


def cancelled(**details: bool) -> AsyncActivityCancelledError:
    return AsyncActivityCancelledError(ActivityCancellationDetails(**details))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (None, None),
        (cancelled(cancel_requested=True), Verdict.SESSION_ENDING),
        (cancelled(paused=True), None),
        (NOT_FOUND, Verdict.SUPERSEDED),
        (UNAVAILABLE, None),
        (RPCError("late", RPCStatusCode.DEADLINE_EXCEEDED, b""), None),
    ],
)
async def test_each_answer_has_its_verdict(answer: Exception | None, outcome: Verdict | None) -> None:
    assert await heartbeat(FakeHandle(answer)).beat(7) == outcome


async def test_heartbeats_go_on_through_an_outage_until_a_verdict() -> None:
    handle = FakeHandle(None, UNAVAILABLE, None, NOT_FOUND)
    assert await verdict(handle) is Verdict.SUPERSEDED
    assert len(handle.beats) == 4


async def test_a_heartbeat_without_an_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """An RPC can outlast its own timeout."""
    monkeypatch.setattr("agent.workflow_link.heartbeat._RPC_TIMEOUT", timedelta(seconds=0.02))
    handle = FakeHandle()

    async def hang(*_: object, **__: object) -> None:
        await asyncio.sleep(3)

    monkeypatch.setattr(handle, "heartbeat", hang)
    assert await verdict(handle, seconds=0.3, alone=0.4) is Verdict.ALONE


async def test_a_long_outage_ends_the_conversation() -> None:
    assert await verdict(FakeHandle(None, *[UNAVAILABLE] * 500), alone=0.1) is Verdict.ALONE


@pytest.mark.parametrize(("answer", "outcome", "confirmed"), [(NOT_FOUND, Verdict.FROZEN, 0), (None, "ending", 1)])
async def test_a_muted_job_is_confirmed_by_an_accepted_heartbeat(
    answer: Exception | None, outcome: str, confirmed: int
) -> None:
    """A successor may have arrived meanwhile without finding it."""
    job = FakeJob(muted=True)
    found = await verdict(FakeHandle(answer, cancelled(cancel_requested=True)), job)
    assert found is (Verdict.SESSION_ENDING if outcome == "ending" else outcome)
    assert job.confirmed == confirmed


async def test_an_outage_confirms_nothing() -> None:
    job = FakeJob(muted=True)
    assert await verdict(FakeHandle(UNAVAILABLE, UNAVAILABLE, NOT_FOUND), job) is Verdict.FROZEN
    assert job.confirmed == 0


async def test_an_agent_outside_its_room_gets_no_heartbeat() -> None:
    handle = FakeHandle()
    beating = asyncio.create_task(verdict(handle, FakeJob(in_room=False)))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(handle.beaten.wait(), 0.1)
    beating.cancel()
    assert handle.beats == []


async def test_a_job_that_waits_to_be_confirmed_gets_a_heartbeat_at_once() -> None:
    handle, job = FakeHandle(), FakeJob(in_room=False)
    beats = heartbeat(handle)
    beating = asyncio.create_task(beats.run(job, briefing(heartbeat_timeout_seconds=3600, alone_seconds=7200)))
    await asyncio.sleep(0)
    job.in_room = True
    beats.wake()
    await asyncio.wait_for(handle.beaten.wait(), 5)
    beating.cancel()


async def test_outages_of_temporal_extend_the_wait_for_a_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.workflow_link.heartbeat._SUCCESSOR_SECONDS", 0.2)
    stale, away = NOT_FOUND, UNAVAILABLE
    handle = FakeHandle(*[away] * 20, *[stale] * 1000)
    began = time.monotonic()
    quick = briefing(heartbeat_timeout_seconds=0.025)
    await heartbeat(handle).wait_for_overdue_successor(FakeJob(), quick)
    assert len(handle.beats) > 20
    assert time.monotonic() - began > 20 * 0.01 + 0.2, "the time without Temporal does not count"


async def test_the_wait_for_a_successor_is_bounded() -> None:
    handle = FakeHandle(*[UNAVAILABLE] * 1000)
    quick = briefing(heartbeat_timeout_seconds=0.015, alone_seconds=0.1)
    await asyncio.wait_for(heartbeat(handle).wait_for_overdue_successor(FakeJob(), quick), 5)


async def test_heartbeats_are_two_fifths_of_the_timeout_apart_with_short_rpc_timeouts() -> None:
    """Temporal's client does not throttle heartbeats by task token, and retries an RPC for 10 s by default."""
    handle = FakeHandle(None, None, None, None, NOT_FOUND)
    assert await verdict(handle, seconds=0.15) is Verdict.SUPERSEDED
    assert min(later - earlier for earlier, later in pairwise(handle.beat_at)) > 0.9 * 0.15 * 2 / 5
    assert all(each < timedelta(seconds=10) for each in handle.rpc_timeouts)


async def test_a_heartbeat_that_was_not_accepted_is_repeated_before_the_timeout() -> None:
    handle = FakeHandle(None, UNAVAILABLE, None, NOT_FOUND)
    assert await verdict(handle, seconds=0.6) is Verdict.SUPERSEDED
    first, _, repeated, _ = handle.beat_at
    assert repeated - first < 0.6


async def test_heartbeat_details_are_identity_pid_and_time() -> None:
    handle = FakeHandle()
    await heartbeat(handle).beat(7)
    ((pulse,),) = handle.beats
    assert isinstance(pulse, AgentPulse)
    assert pulse == AgentPulse(identity="agent_1_x", pid=7, at_ms=pulse.at_ms)
    assert abs(pulse.at_ms - time.time() * 1000) < 5_000


async def test_completing_a_closed_generation_has_no_effect() -> None:
    handle = FakeHandle(None, NOT_FOUND, UNAVAILABLE)
    for _ in range(3):
        await heartbeat(handle).complete(OUTCOME)
    assert handle.completed == [OUTCOME]
