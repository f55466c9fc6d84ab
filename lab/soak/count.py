"""Counts after a soak: every session ended, every bill right, no line lost, histories replay, nothing is left."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from livekit import api
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.worker import Replayer

from contracts.session import SessionSummary
from contracts.statuses import EndReason
from lab.soak.callers import Account, session
from worker import workflow_runner
from workflows.voice_session import VoiceSession

_SETTLES_WITHIN_SECONDS = 90.0
_WITHDRAWN = (EndReason.NO_SHOW, EndReason.CANCELLED)
"""A session whose caller got no answer ends by its no-show timer, or the API withdraws it."""


@dataclass
class Count:
    """The count. Each wrong result is one line with the expected value; `suspects` are the ids of these sessions."""

    ended: Counter[str] = field(default_factory=Counter)
    abandoned: int = 0
    bills: int = 0
    replayed: int = 0
    generations: int = 0
    wrong: list[str] = field(default_factory=list)
    suspects: set[str] = field(default_factory=set)

    def add_wrong(self, session_id: str, problem: str) -> None:
        """Add a wrong result of one session."""
        self.wrong.append(f"{session_id} {problem}")
        self.suspects.add(session_id)


async def count(accounts: Sequence[Account], temporal: Client, livekit: api.LiveKitAPI) -> Count:
    """Wait until all workflows have ended, then compare everything with the callers' accounts."""
    found = Count()
    await _settled(temporal, found)
    known = {account.session_id: account for account in accounts}
    async for execution in temporal.list_workflows("WorkflowType = 'VoiceSession'"):
        if execution.id not in known:
            await _count_abandoned(temporal, execution, found)
    for account in accounts:
        _compare(account, found)
    await _replay(temporal, found)
    rooms = (await livekit.room.list_rooms(api.ListRoomsRequest())).rooms
    found.wrong += [f"room {room.name} is left" for room in rooms]
    return found


async def _settled(temporal: Client, found: Count) -> None:
    give_up_at = time.monotonic() + _SETTLES_WITHIN_SECONDS
    while True:
        running = [each.id async for each in temporal.list_workflows("ExecutionStatus = 'Running'")]
        if not running or time.monotonic() > give_up_at:
            break
        await asyncio.sleep(0.5)
    for session_id in running:
        found.add_wrong(session_id, "still runs")


def _compare(account: Account, found: Count) -> None:
    record = account.record
    if record is None or record.log is None:
        found.add_wrong(account.session_id, f"({account.script.behaviour}) did not end in time")
        return
    found.ended[record.end_reason] += 1
    found.generations += record.generations
    found.bills += len(account.bills)
    for problem in check(account, record, [turn.text for turn in record.log.turns]):
        found.add_wrong(account.session_id, f"({account.script.behaviour}) {problem}")


def check(account: Account, summary: SessionSummary, lines: Sequence[str]) -> Iterator[str]:
    """Yield every difference between a session (`summary`, `lines`) and its caller's account."""
    if summary.end_reason is not account.reason:
        yield f"ended as {summary.end_reason} instead of {account.reason}"
    if not account.least <= summary.duration_seconds <= account.most:
        yield f"is billed {summary.duration_seconds} s instead of {account.least} to {account.most} s"
    if {bill["durationSeconds"] for bill in account.bills} - {summary.duration_seconds}:
        yield f"has several bills: {summary.duration_seconds} s and {account.bills}"
    if summary.errors or not (summary.workflow_completed and summary.agent_stopped and summary.room_deleted):
        yield f"was not cleaned up: {summary}"
    if list(lines) != [f"line {number}" for number in range(1, len(lines) + 1)]:
        yield f"has lines missing, doubled or out of order: {lines}"
    if len(lines) < account.lines_heard:
        yield f"has {len(lines)} lines of the {account.lines_heard} that its caller heard"


async def _count_abandoned(temporal: Client, execution: WorkflowExecution, found: Count) -> None:
    """Count a start without an answer: it must have ended without a bill."""
    found.abandoned += 1
    if execution.status is WorkflowExecutionStatus.TERMINATED:
        return  # withdrawn before a worker took it
    summary = await session(temporal, execution.id).result()
    if summary.end_reason not in _WITHDRAWN or summary.duration_seconds:
        found.add_wrong(execution.id, f"had no caller, and ended as {summary}")


async def _replay(temporal: Client, found: Count) -> None:
    replayer = Replayer(
        workflows=[VoiceSession], data_converter=temporal.data_converter, workflow_runner=workflow_runner()
    )
    histories = temporal.list_workflows("WorkflowType = 'VoiceSession'").map_histories()
    async with replayer.workflow_replay_iterator(histories) as results:
        async for result in results:
            found.replayed += 1
            if result.replay_failure is not None:
                found.add_wrong(result.history.workflow_id, f"does not replay: {result.replay_failure}")
