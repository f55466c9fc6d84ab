"""Withdraws starts that were answered with an error, so that none of them lives on in Temporal."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import timedelta
from typing import Any, NamedTuple, cast

from temporalio.api.enums.v1 import EventType, PendingWorkflowTaskState
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCStatusCode

from api.gateway.rpc_errors import has_status, is_outage

_log = logging.getLogger(__name__)

_GIVE_UP_SECONDS = 600.0
"""After this the session's no-show timer ends it, if it exists at all."""
_LATE_START_SECONDS = 10.0
"""A start that Temporal does not know may still arrive within this: the request may be in progress in the server."""
_MOST = 1000
"""In an outage every start fails, and hardly one of them has begun. No-show timers end those beyond this number."""
_AT_ONCE = 10
"""Concurrent attempts, so that a Temporal that recovers is not overloaded."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 5.0
_CLOSE_SECONDS = 2.0
_RPC_TIMEOUT = timedelta(seconds=2)


class _Start(NamedTuple):
    handle: WorkflowHandle[Any, Any]
    failed_at: float


class OrphanedStarts:
    """Withdraws failed starts in the background, through outages of Temporal."""

    def __init__(self) -> None:
        self._waiting: deque[_Start] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept = 0
        self._has_warned = False

    def add(self, handle: WorkflowHandle[Any, Any]) -> None:
        """Withdraw the session of `handle`, which may not exist."""
        if self._kept >= _MOST:
            if not self._has_warned:
                _log.warning("%d failed starts wait to be withdrawn; no-show timers end what fails meanwhile", _MOST)
            self._has_warned = True
            return
        self._kept += 1
        self._waiting.append(_Start(handle, asyncio.get_running_loop().time()))
        if len(self._tasks) < _AT_ONCE:
            task = asyncio.create_task(self._work())
            self._tasks.add(task)

    async def close(self) -> None:
        """Give running attempts a moment; no-show timers end the rest."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _work(self) -> None:
        try:
            await self._withdraw_all()
        finally:  # at once: what is added after the last look is for another task
            self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _withdraw_all(self) -> None:
        """Withdraw one after the other until none is left; one that cannot be withdrawn yet goes to the end."""
        pause = _FIRST_PAUSE_SECONDS
        while self._waiting:
            start = self._waiting.popleft()
            if await _is_settled(start):
                pause = _FIRST_PAUSE_SECONDS
                self._kept -= 1
                self._has_warned = self._has_warned and self._kept > 0
            else:
                self._waiting.append(start)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


async def _is_settled(start: _Start) -> bool:
    """One attempt. True if nothing remains to be done, or it is given up."""
    age = asyncio.get_running_loop().time() - start.failed_at
    try:
        if await _is_withdrawn(start.handle):
            return True
    except Exception as error:
        if not is_outage(error):
            raise
        if has_status(error, RPCStatusCode.NOT_FOUND) and age > _LATE_START_SECONDS:
            return True
    if age > _GIVE_UP_SECONDS:
        _log.warning("%s was not withdrawn; its no-show timer ends it", start.handle.id)
        return True
    return False


async def _is_withdrawn(handle: WorkflowHandle[Any, Any]) -> bool:
    """Cancel the workflow, or terminate it if no worker has begun it. True if nothing remains to be done.

    A worker that has begun carries out the cancellation, with cleanup. Without one the cancellation would stay open for
    ever, and there is nothing to clean up. While a worker holds the first task the outcome is open: try again, since
    the task either completes or times out.
    """
    description = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
    if description.status is not WorkflowExecutionStatus.RUNNING:
        return True
    await handle.cancel(rpc_timeout=_RPC_TIMEOUT)
    async for event in handle.fetch_history_events(page_size=20, rpc_timeout=_RPC_TIMEOUT):
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            return True
    description = await handle.describe(rpc_timeout=_RPC_TIMEOUT)
    task = description.raw_description.pending_workflow_task
    if task.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_STARTED:
        return False
    await handle.terminate(reason="no worker took the session in time", rpc_timeout=_RPC_TIMEOUT)
    return True
