"""How many sessions there are: counted by Temporal's visibility store, at one call a number."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Protocol

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from api.gateway.outages import LOST, unreachable
from api.gateway.visibility_query import running_query
from connections.temporal_client import LazyClient
from contracts.statuses import SessionStatus
from errors import TemporalUnavailable
from settings import TemporalSettings

_ANSWER_SECONDS = 2.0
_POLL_SECONDS = 65.0
"""A worker's long poll lasts 60 s at the most, and Temporal notes when it begins: a living worker is never older."""


LIVE_STATES = tuple(state for state in SessionStatus if state is not SessionStatus.ENDED)


class SessionCounts(Protocol):
    """Numbers of sessions and of those who serve them. Every call may raise `TemporalUnavailable`."""

    async def running(self, *, but: Collection[str] = ()) -> int:
        """Sessions of all callers that have not ended, without those of these ids."""

    async def in_state(self, state: SessionStatus, owner: str | None) -> int:
        """Sessions of `owner`, or of all, that have not ended and are in this state."""

    async def workers(self) -> int:
        """Workers that poll for sessions."""


class TemporalSessionCounts:
    """`SessionCounts` from Temporal. What has started or changed within the last moment may be missing."""

    def __init__(self, client: LazyClient, settings: TemporalSettings) -> None:
        self._client = client
        self._settings = settings

    async def running(self, *, but: Collection[str] = ()) -> int:
        """One count."""
        return await self._count(running_query(but=but))

    async def in_state(self, state: SessionStatus, owner: str | None) -> int:
        """One count."""
        return await self._count(running_query(state=state, owner=owner))

    async def workers(self) -> int:
        """Those that poll for the sessions' tasks."""
        client = await self._client.get()
        request = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=self._settings.task_queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
        )
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await client.workflow_service.describe_task_queue(request)
        except LOST as error:
            raise TemporalUnavailable(unreachable(self._settings)) from error
        return len(living(answer.pollers))

    async def _count(self, query: str) -> int:
        client = await self._client.get()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                found = await client.count_workflows(query, rpc_timeout=timedelta(seconds=_ANSWER_SECONDS))
        except LOST as error:
            raise TemporalUnavailable(unreachable(self._settings)) from error
        return found.count


async def live_by_state(counts: SessionCounts, owner: str | None = None) -> dict[SessionStatus, int]:
    """Sessions of `owner`, or of all, in each state but the last. Raises `TemporalUnavailable`."""
    numbers = await asyncio.gather(*(counts.in_state(state, owner) for state in LIVE_STATES))
    return dict(zip(LIVE_STATES, numbers, strict=True))


def living(pollers: Iterable[PollerInfo]) -> set[str]:
    """Those that do poll. Temporal lists a killed worker for five minutes, so the time of its last poll decides."""
    oldest = time.time() - _POLL_SECONDS
    return {poller.identity for poller in pollers if poller.last_access_time.ToNanoseconds() / 1e9 > oldest}
