"""The agent's sign of life: what each answer of Temporal means for an agent."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from temporalio.activity import ActivityCancellationDetails
from temporalio.client import AsyncActivityCancelledError, Client
from temporalio.service import RPCError, RPCStatusCode

from agent.heartbeat import Heartbeat, Verdict
from contracts import AgentOutcome

OUTCOME = AgentOutcome(generation=1, cause="done")


class FakeHandle:
    """Answers heartbeats and completions from a list; None is a yes."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.beats: list[Any] = []
        self.completed: list[Any] = []
        self.beaten = asyncio.Event()

    def get_async_activity_handle(self, *, task_token: bytes) -> FakeHandle:
        assert task_token == b"token"
        return self

    def _answer(self) -> None:
        if self.answers and (answer := self.answers.pop(0)) is not None:
            raise answer

    async def heartbeat(self, *details: Any, rpc_timeout: object) -> None:
        self.beats.append(details)
        self.beaten.set()
        self._answer()

    async def complete(self, result: Any, *, rpc_timeout: object) -> None:
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


def rpc_error(status: RPCStatusCode) -> RPCError:
    return RPCError("said by Temporal", status, b"")


def cancelled(**details: bool) -> AsyncActivityCancelledError:
    return AsyncActivityCancelledError(ActivityCancellationDetails(**details))


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (None, None),
        (cancelled(cancel_requested=True), Verdict.SESSION_ENDING),
        (cancelled(paused=True), None),
        (rpc_error(RPCStatusCode.NOT_FOUND), Verdict.SUPERSEDED),
        (rpc_error(RPCStatusCode.UNAVAILABLE), None),
        (rpc_error(RPCStatusCode.DEADLINE_EXCEEDED), None),
    ],
)
async def test_each_answer_has_its_verdict(answer: Exception | None, verdict: Verdict | None) -> None:
    assert await heartbeat(FakeHandle(answer)).beat() == verdict


async def test_begins_only_with_a_heartbeat_that_was_taken() -> None:
    handle = FakeHandle(rpc_error(RPCStatusCode.UNAVAILABLE), rpc_error(RPCStatusCode.UNAVAILABLE))
    assert await asyncio.wait_for(heartbeat(handle).begin(), 5) is None
    assert len(handle.beats) == 3


async def test_does_not_begin_when_it_is_not_wanted() -> None:
    handle = FakeHandle(rpc_error(RPCStatusCode.NOT_FOUND))
    assert await heartbeat(handle).begin() is Verdict.SUPERSEDED


async def test_beats_on_through_an_outage_until_a_verdict() -> None:
    handle = FakeHandle(None, rpc_error(RPCStatusCode.UNAVAILABLE), None, rpc_error(RPCStatusCode.NOT_FOUND))
    assert await asyncio.wait_for(heartbeat(handle).until_verdict(), 5) is Verdict.SUPERSEDED
    assert len(handle.beats) == 4


async def test_an_agent_that_lost_its_room_does_not_beat() -> None:
    handle = FakeHandle()
    beating = asyncio.create_task(heartbeat(handle, in_room=False).until_verdict())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(handle.beaten.wait(), 0.1)
    beating.cancel()
    assert handle.beats == []


async def test_details_stay_small() -> None:
    handle = FakeHandle()
    await heartbeat(handle).beat()
    assert handle.beats == [("agent_1_x",)]


async def test_completes_its_generation_and_bears_to_come_too_late() -> None:
    handle = FakeHandle(None, rpc_error(RPCStatusCode.NOT_FOUND), rpc_error(RPCStatusCode.UNAVAILABLE))
    for _ in range(3):
        await heartbeat(handle).complete(OUTCOME)
    assert handle.completed == [OUTCOME]
