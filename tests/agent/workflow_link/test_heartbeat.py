"""Heartbeats, and the verdicts that follow from Temporal's answers."""

from __future__ import annotations

import asyncio
import os
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


def heartbeat(handle: FakeHandle, *, in_room: bool = True, timeout_seconds: float = 0.03) -> Heartbeat:
    return Heartbeat(
        cast("Client", handle),
        b"token",
        identity="agent_1_x",
        timeout_seconds=timeout_seconds,
        in_room=lambda: in_room,
    )


def cancelled(**details: bool) -> AsyncActivityCancelledError:
    return AsyncActivityCancelledError(ActivityCancellationDetails(**details))


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (None, None),
        (cancelled(cancel_requested=True), Verdict.SESSION_ENDING),
        (cancelled(paused=True), None),
        (NOT_FOUND, Verdict.SUPERSEDED),
        (UNAVAILABLE, None),
        (RPCError("late", RPCStatusCode.DEADLINE_EXCEEDED, b""), None),
    ],
)
async def test_each_answer_has_its_verdict(answer: Exception | None, verdict: Verdict | None) -> None:
    assert await heartbeat(FakeHandle(answer)).beat() == verdict


async def test_start_waits_for_an_accepted_heartbeat() -> None:
    handle = FakeHandle(UNAVAILABLE, UNAVAILABLE)
    assert await asyncio.wait_for(heartbeat(handle).start(), 5) is None
    assert len(handle.beats) == 3


async def test_start_returns_the_verdict_of_a_stale_token() -> None:
    handle = FakeHandle(NOT_FOUND)
    assert await heartbeat(handle).start() is Verdict.SUPERSEDED


class Voice:
    """Records mute and unmute."""

    def __init__(self) -> None:
        self.muted: list[bool] = []

    def __call__(self, *, muted: bool) -> None:
        self.muted.append(muted)


async def verdict(beats: Heartbeat, voice: Voice | None = None, *, alone_seconds: float = 60) -> Verdict:
    """Return the verdict of a heartbeat that was started."""
    assert await beats.start() is None
    return await asyncio.wait_for(beats.run(voice or Voice(), alone_seconds=alone_seconds), 5)


async def test_heartbeats_go_on_through_an_outage_until_a_verdict() -> None:
    handle, voice = FakeHandle(None, UNAVAILABLE, None, NOT_FOUND), Voice()
    assert await verdict(heartbeat(handle), voice) is Verdict.SUPERSEDED
    assert len(handle.beats) == 4
    assert voice.muted == []  # a successor will ask it; until then the caller has no other agent


async def test_a_hanging_connection_is_not_taken_for_a_freeze(monkeypatch: pytest.MonkeyPatch) -> None:
    """An RPC can outlast its own timeout, which must not mute the agent."""
    monkeypatch.setattr("agent.workflow_link.heartbeat._RPC_TIMEOUT", timedelta(seconds=0.02))
    handle, voice = FakeHandle(None), Voice()
    beats = heartbeat(handle, timeout_seconds=0.3)
    assert await beats.start() is None

    async def hang(*_: object, **__: object) -> None:
        await asyncio.sleep(3)

    monkeypatch.setattr(handle, "heartbeat", hang)
    assert await asyncio.wait_for(beats.run(voice, alone_seconds=0.8), 5) is Verdict.ALONE
    assert voice.muted == [True]  # only at the end


async def test_a_long_outage_ends_the_conversation() -> None:
    handle, voice = FakeHandle(None, *[UNAVAILABLE for _ in range(500)]), Voice()
    assert await verdict(heartbeat(handle), voice, alone_seconds=0.1) is Verdict.ALONE
    assert voice.muted == [True]


@pytest.mark.parametrize(
    ("answer", "outcome", "muted"),
    [
        (NOT_FOUND, Verdict.FROZEN, [True]),
        (None, Verdict.SESSION_ENDING, [True, False]),
    ],
)
async def test_a_frozen_process_is_muted_until_a_heartbeat_is_accepted(
    monkeypatch: pytest.MonkeyPatch, answer: Exception | None, outcome: Verdict, muted: list[bool]
) -> None:
    monkeypatch.setattr("agent.workflow_link.heartbeat._RPC_TIMEOUT", timedelta(0))
    handle, voice = FakeHandle(None, answer, cancelled(cancel_requested=True)), Voice()
    beats = heartbeat(handle)
    assert await beats.start() is None
    beating = asyncio.create_task(beats.run(voice, alone_seconds=60))
    await asyncio.sleep(0)
    time.sleep(0.1)  # noqa: ASYNC251  what SIGSTOP does to the event loop
    assert await asyncio.wait_for(beating, 5) is outcome
    assert voice.muted == muted


async def test_an_agent_outside_its_room_sends_no_heartbeat() -> None:
    handle = FakeHandle()
    beating = asyncio.create_task(heartbeat(handle, in_room=False).run(Voice(), alone_seconds=60))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(handle.beaten.wait(), 0.1)
    beating.cancel()
    assert handle.beats == []


@pytest.mark.parametrize(
    ("answer", "outcome", "muted"),
    [
        (NOT_FOUND, Verdict.FROZEN, [True]),
        (None, Verdict.SESSION_ENDING, [True, False]),
    ],
)
async def test_an_agent_outside_its_room_is_muted_until_a_heartbeat_is_accepted(
    answer: Exception | None, outcome: Verdict, muted: list[bool]
) -> None:
    """A successor may have arrived meanwhile without finding it."""
    handle, voice = FakeHandle(None, answer, cancelled(cancel_requested=True)), Voice()
    connected = [True, False, False, True, True]
    beats = Heartbeat(
        cast("Client", handle),
        b"token",
        identity="agent_1_x",
        timeout_seconds=0.03,
        in_room=lambda: connected.pop(0) if len(connected) > 1 else connected[0],
    )
    handle.answers.insert(1, None)  # accepted while in the room
    assert await verdict(beats, voice) is outcome
    assert voice.muted == muted


async def test_a_reconnect_triggers_a_heartbeat() -> None:
    handle = FakeHandle()
    beats = heartbeat(handle, timeout_seconds=3600)
    beating = asyncio.create_task(beats.run(Voice(), alone_seconds=7200))
    beats.wake()
    await asyncio.wait_for(handle.beaten.wait(), 5)
    beating.cancel()


async def test_outages_of_temporal_extend_the_wait_for_a_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.workflow_link.heartbeat._SUCCESSOR_SECONDS", 0.2)
    stale, away = NOT_FOUND, UNAVAILABLE
    handle = FakeHandle(*[away] * 20, *[stale] * 1000)
    began = time.monotonic()
    await heartbeat(handle).wait_for_overdue_successor(alone_seconds=60)
    assert len(handle.beats) > 20
    assert time.monotonic() - began > 20 * 0.01 + 0.2, "the time without Temporal does not count"


async def test_the_wait_for_a_successor_is_bounded() -> None:
    handle = FakeHandle(*[UNAVAILABLE] * 1000)
    await asyncio.wait_for(heartbeat(handle).wait_for_overdue_successor(alone_seconds=0.1), 5)


async def test_heartbeats_are_a_third_of_the_timeout_apart_with_short_rpc_timeouts() -> None:
    """Temporal's client does not throttle heartbeats by task token, and retries an RPC for 10 s by default."""
    handle = FakeHandle(None, None, None, None, NOT_FOUND)
    assert await verdict(heartbeat(handle, timeout_seconds=0.3)) is Verdict.SUPERSEDED
    assert min(later - earlier for earlier, later in pairwise(handle.beat_at)) > 0.9 * 0.3 / 3
    assert all(each < timedelta(seconds=10) for each in handle.rpc_timeouts)


async def test_heartbeat_details_are_identity_and_pid() -> None:
    handle = FakeHandle()
    await heartbeat(handle).beat()
    assert handle.beats == [(AgentPulse(identity="agent_1_x", pid=os.getpid()),)]


async def test_completing_a_closed_generation_has_no_effect() -> None:
    handle = FakeHandle(None, NOT_FOUND, UNAVAILABLE)
    for _ in range(3):
        await heartbeat(handle).complete(OUTCOME)
    assert handle.completed == [OUTCOME]
