"""Failed starts are withdrawn in the background: a few at a time, a limited number, and not for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from api.gateway import orphaned_starts
from api.gateway.orphaned_starts import OrphanedStarts

PATIENCE_SECONDS = 10.0


class FakeTemporal:
    """Has only closed sessions. With `away` set, it raises that."""

    def __init__(self) -> None:
        self.away: Exception | None = None
        self.asked: list[str] = []
        self.asking = 0
        self.most_at_once = 0
        self.settled: set[str] = set()

    def start(self, session_id: str) -> WorkflowHandle[Any, Any]:
        """A handle to a start."""

        async def describe(**_: Any) -> Any:
            self.asked.append(session_id)
            self.asking += 1
            self.most_at_once = max(self.most_at_once, self.asking)
            await asyncio.sleep(0)
            self.asking -= 1
            if self.away is not None:
                raise self.away
            self.settled.add(session_id)
            return SimpleNamespace(status=WorkflowExecutionStatus.TERMINATED)

        return cast("WorkflowHandle[Any, Any]", SimpleNamespace(id=session_id, describe=describe))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@pytest.fixture
def temporal() -> FakeTemporal:
    return FakeTemporal()


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphaned_starts, "_FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(orphaned_starts, "_LONGEST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(orphaned_starts, "_CLOSE_SECONDS", 0.02)


async def test_an_outage_does_not_pile_up_tasks(temporal: FakeTemporal, caplog: pytest.LogCaptureFixture) -> None:
    temporal.away = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
    starts, tasks_before = OrphanedStarts(), len(asyncio.all_tasks())
    with caplog.at_level(logging.WARNING):
        for number in range(3000):
            starts.add(temporal.start(f"session_{number}"))
    assert len(asyncio.all_tasks()) - tasks_before == 10
    assert caplog.messages == ["1000 failed starts wait to be withdrawn; no-show timers end what fails meanwhile"]
    await until(lambda: len(set(temporal.asked)) == 1000)
    temporal.away = None
    await until(lambda: len(temporal.settled) == 1000)
    assert temporal.most_at_once <= 10
    await starts.close()
    assert len(asyncio.all_tasks()) == tasks_before


async def test_more_are_accepted_once_some_are_withdrawn(temporal: FakeTemporal) -> None:
    starts = OrphanedStarts()
    for number in range(1001):
        starts.add(temporal.start(f"session_{number}"))
    await until(lambda: len(temporal.settled) == 1000)
    starts.add(temporal.start("one more"))
    await until(lambda: "one more" in temporal.settled)
    await starts.close()


async def test_a_stuck_start_does_not_block_others(temporal: FakeTemporal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphaned_starts, "_AT_ONCE", 1)
    starts, stuck = OrphanedStarts(), FakeTemporal()
    stuck.away = RPCError("its request may be under way", RPCStatusCode.NOT_FOUND, b"")
    starts.add(stuck.start("stuck"))
    starts.add(temporal.start("other"))
    await until(lambda: "other" in temporal.settled)
    assert stuck.asked
    await starts.close()


@pytest.mark.parametrize(
    ("limit", "status", "logged"),
    [
        ("_LATE_START_SECONDS", RPCStatusCode.NOT_FOUND, []),
        ("_GIVE_UP_SECONDS", RPCStatusCode.UNAVAILABLE, ["stuck was not withdrawn; its no-show timer ends it"]),
    ],
)
async def test_retries_end(
    temporal: FakeTemporal,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    *,
    limit: str,
    status: RPCStatusCode,
    logged: list[str],
) -> None:
    temporal.away = RPCError("no", status, b"")
    monkeypatch.setattr(orphaned_starts, limit, 0.02)
    starts, tasks_before = OrphanedStarts(), len(asyncio.all_tasks())
    starts.add(temporal.start("stuck"))
    await until(lambda: len(asyncio.all_tasks()) == tasks_before)
    assert len(temporal.asked) > 1
    assert caplog.messages == logged
    await starts.close()
