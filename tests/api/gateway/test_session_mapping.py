"""Temporal's descriptions, read by an API that may be older than the worker."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.client import WorkflowExecution, WorkflowExecutionStatus
from temporalio.common import SearchAttributePair, TypedSearchAttributes

from api.gateway import session_mapping
from contracts.search_attributes import END_REASON, STATE
from contracts.statuses import EndReason, SessionStatus

_STARTED = datetime(2026, 11, 23, tzinfo=UTC)


def execution(state: str, reason: str | None, *, is_open: bool) -> WorkflowExecution:
    async def memo_value(*_: Any, **__: Any) -> None:
        return None

    pairs: list[SearchAttributePair[Any]] = [SearchAttributePair(STATE, state)]
    if reason is not None:
        pairs.append(SearchAttributePair(END_REASON, reason))
    found = SimpleNamespace(
        id="session_1",
        status=WorkflowExecutionStatus.RUNNING if is_open else WorkflowExecutionStatus.COMPLETED,
        typed_search_attributes=TypedSearchAttributes(pairs),
        start_time=_STARTED,
        close_time=None if is_open else _STARTED,
        memo_value=memo_value,
    )
    return cast(WorkflowExecution, found)


async def test_state_and_end_reason_are_mapped() -> None:
    live = await session_mapping.item(execution("active", None, is_open=True))
    assert (live.state, live.endReason) == (SessionStatus.ACTIVE, None)
    ended = await session_mapping.item(execution("ended", "idle", is_open=False))
    assert (ended.state, ended.endReason) == (SessionStatus.ENDED, EndReason.IDLE)


async def test_unknown_names_are_null(caplog: pytest.LogCaptureFixture) -> None:
    live = await session_mapping.item(execution("dreaming", None, is_open=True))
    assert live.state is None
    ended = await session_mapping.item(execution("ended", "bored", is_open=False))
    assert (ended.state, ended.endReason) == (SessionStatus.ENDED, None)
    assert caplog.messages == [
        "session_1: SessionStatus dreaming is unknown to this version",
        "session_1: EndReason bored is unknown to this version",
    ]
