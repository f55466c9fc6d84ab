"""Admission: how long launches wait for an agent host. A start that would wait too long is refused at once."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from api.gateway.rpc_errors import is_outage
from connections.temporal_client import LazyClient
from errors import NoPlace
from settings import Settings

_log = logging.getLogger(__name__)

_ANSWER_SECONDS: Final = 0.4
_FRESH_SECONDS: Final = 1.0


class AgentQueue:
    """The task queue that agent hosts pull from. Its age is asked for once a second, however many start."""

    def __init__(self, client: LazyClient, settings: Settings) -> None:
        self._client = client
        self._queue = settings.temporal.agent_task_queue
        self._longest = settings.api.max_queue_seconds
        self._asking = asyncio.Lock()
        self._asked_at = float("-inf")
        self._waiting_seconds = 0.0

    async def admit(self) -> None:
        """Raise `NoPlace` if the oldest launch waits longer than API_MAX_QUEUE_SECONDS; 0 admits every start."""
        if not self._longest:
            return
        async with self._asking:
            if time.monotonic() - self._asked_at > _FRESH_SECONDS:
                self._waiting_seconds = await self._age()
                self._asked_at = time.monotonic()
        if self._waiting_seconds > self._longest:
            raise NoPlace(f"All agents are busy: callers wait {self._waiting_seconds:.0f} s for one; ask again later.")

    async def _age(self) -> float:
        """Seconds that the oldest launch has waited. 0 where Temporal does not say: the start itself fails then."""
        request = DescribeTaskQueueRequest(
            task_queue=TaskQueue(name=self._queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
            report_stats=True,
        )
        try:
            client = await self._client.get()
            request.namespace = client.namespace
            async with asyncio.timeout(_ANSWER_SECONDS):
                answer = await client.workflow_service.describe_task_queue(
                    request, timeout=timedelta(seconds=_ANSWER_SECONDS)
                )
        except Exception as error:
            if not is_outage(error):
                raise
            _log.warning("Temporal does not report the age of %s: %s", self._queue, type(error).__name__)
            return 0.0
        return answer.stats.approximate_backlog_age.ToNanoseconds() / 1e9
