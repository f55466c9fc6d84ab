"""Counts sessions with Temporal's visibility store, and the workers that serve them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, DescribeTaskQueueResponse

from api.gateway.rpc_errors import temporal_call
from api.gateway.visibility_query import running_query
from connections.temporal_client import LazyClient
from contracts.statuses import SessionStatus
from settings import TemporalSettings

_ANSWER_SECONDS = 2.0
_POLL_SECONDS = 65.0
"""A worker's long poll lasts at most 60 s, and Temporal records its begin: a live worker's is never older."""

LIVE_STATES = tuple(state for state in SessionStatus if state is not SessionStatus.ENDED)


@dataclass(frozen=True)
class QueuedLaunches:
    """The agents' task queue. The launch of a session that has ended leaves it when an agent host polls next.

    Temporal keeps count and age for up to five seconds; `polled_at` is when a host polled last.
    """

    count: int = 0
    oldest_seconds: float = 0
    polled_at: float | None = None
    """Seconds since 1970; None while no host lives that has polled lately."""


class SessionCounts(Protocol):
    """Counts of sessions and workers. Every call may raise `TemporalUnavailable`."""

    async def running(self) -> int:
        """Live sessions of all owners."""

    async def in_state(self, state: SessionStatus, owner: str | None) -> int:
        """Live sessions of `owner`, or of all, in this state."""

    async def starting_for(self, seconds: float) -> int:
        """Live sessions without a first agent that began longer ago than this."""

    async def workers(self) -> int:
        """Workers that poll the sessions' task queue."""

    async def queued(self) -> QueuedLaunches:
        """Launches that wait for an agent host."""


class TemporalSessionCounts:
    """`SessionCounts` from Temporal, which lag by a moment."""

    def __init__(self, client: LazyClient, settings: TemporalSettings) -> None:
        self._client = client
        self._settings = settings

    async def running(self) -> int:
        """One count."""
        return await self._count(running_query())

    async def in_state(self, state: SessionStatus, owner: str | None) -> int:
        """One count."""
        return await self._count(running_query(state=state, owner=owner))

    async def starting_for(self, seconds: float) -> int:
        """One count."""
        before = datetime.now(UTC) - timedelta(seconds=seconds)
        return await self._count(running_query(state=SessionStatus.STARTING, started_before=before))

    async def workers(self) -> int:
        """The live pollers of the task queue."""
        answer = await self._describe(self._settings.task_queue, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW)
        return len(living(answer.pollers))

    async def queued(self) -> QueuedLaunches:
        """One description of the agents' task queue."""
        answer = await self._describe(self._settings.agent_task_queue, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY)
        alive = living(answer.pollers)
        polls = (_polled_at(poller) for poller in answer.pollers if poller.identity in alive)
        return QueuedLaunches(
            count=answer.stats.approximate_backlog_count,
            oldest_seconds=answer.stats.approximate_backlog_age.ToNanoseconds() / 1e9,
            polled_at=max(polls, default=None),
        )

    async def _describe(self, task_queue: str, kind: TaskQueueType.ValueType) -> DescribeTaskQueueResponse:
        client = await self._client.get()
        request = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=task_queue),
            task_queue_type=kind,
            report_stats=True,
        )
        async with temporal_call(self._settings, _ANSWER_SECONDS):
            return await client.workflow_service.describe_task_queue(request)

    async def _count(self, query: str) -> int:
        client = await self._client.get()
        async with temporal_call(self._settings, _ANSWER_SECONDS):
            return (await client.count_workflows(query, rpc_timeout=timedelta(seconds=_ANSWER_SECONDS))).count


async def live_by_state(counts: SessionCounts, owner: str | None = None) -> dict[SessionStatus, int]:
    """Live sessions of `owner`, or of all, by state. Raises `TemporalUnavailable`."""
    numbers = await asyncio.gather(*(counts.in_state(state, owner) for state in LIVE_STATES))
    return dict(zip(LIVE_STATES, numbers, strict=True))


def living(pollers: Iterable[PollerInfo]) -> set[str]:
    """Identities of live pollers. Temporal lists a killed worker for five minutes, so the last poll's time decides."""
    oldest = time.time() - _POLL_SECONDS
    return {poller.identity for poller in pollers if _polled_at(poller) > oldest}


def _polled_at(poller: PollerInfo) -> float:
    return poller.last_access_time.ToNanoseconds() / 1e9
