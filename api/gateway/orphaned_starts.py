"""Starts whose caller was told that they failed: none of them may go on living in Temporal."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from datetime import timedelta
from typing import Any, NamedTuple

from temporalio.api.enums.v1 import EventType, PendingWorkflowTaskState
from temporalio.client import WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from api.gateway.outages import LOST

_log = logging.getLogger(__name__)

_GIVE_UP_SECONDS = 600.0
"""After this the session's own no-show timer is what ends it, should it exist at all."""
_LATE_START_SECONDS = 10.0
"""How long a start that Temporal has not heard of may still come true: the request may be under way in the server."""
_MOST = 1000
"""More are not kept: in an outage every start fails, and hardly one of them has begun. The no-show timer ends those."""
_AT_ONCE = 10
"""A Temporal that has just come back is not asked about all of them in the same moment."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.1, 5.0
_CLOSE_SECONDS = 2.0
_RPC_TIMEOUT = timedelta(seconds=2)


class _Start(NamedTuple):
    handle: WorkflowHandle[Any, Any]
    failed_at: float


class AbandonedStarts:
    """Withdraws failed starts in the background, so that no caller waits for it, through outages of Temporal."""

    def __init__(self) -> None:
        self._waiting: deque[_Start] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept = 0
        self._has_told = False

    def add(self, handle: WorkflowHandle[Any, Any]) -> None:
        """Withdraw the session of `handle`, whether or not it was started."""
        if self._kept >= _MOST:
            if not self._has_told:
                _log.warning("%d failed starts wait to be withdrawn; no-show timers end what fails meanwhile", _MOST)
            self._has_told = True
            return
        self._kept += 1
        self._waiting.append(_Start(handle, asyncio.get_running_loop().time()))
        if len(self._tasks) < _AT_ONCE:
            task = asyncio.create_task(self._withdraw_all())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give what is under way a moment, then leave it to the sessions' no-show timers."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _withdraw_all(self) -> None:
        """One after the other until none waits; one that cannot be withdrawn yet goes to the end of the line."""
        pause = _FIRST_PAUSE_SECONDS
        while self._waiting:
            start = self._waiting.popleft()
            if await _is_settled(start):
                pause = _FIRST_PAUSE_SECONDS
                self._kept -= 1
                self._has_told = self._has_told and self._kept > 0
            else:
                self._waiting.append(start)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


async def _is_settled(start: _Start) -> bool:
    """One attempt. Returns whether nothing is left to do, or nothing can be done any more."""
    age = asyncio.get_running_loop().time() - start.failed_at
    try:
        if await _is_withdrawn(start.handle):
            return True
    except LOST as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND and age > _LATE_START_SECONDS:
            return True
    if age > _GIVE_UP_SECONDS:
        _log.warning("%s was not withdrawn; its no-show timer ends it", start.handle.id)
        return True
    return False


async def _is_withdrawn(handle: WorkflowHandle[Any, Any]) -> bool:
    """One attempt: cancel, and terminate when no worker has begun. Returns whether nothing is left to do.

    A worker that has the session carries the cancellation out, with clean-up. Where none ever came, the cancellation
    would stay open for good, so the workflow is terminated; nothing has been made that wants cleaning up. While a
    worker holds the first task neither is known: ask again, since it either completes or times out.
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
