"""Checks every part of the system in parallel, within a second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import aiohttp
import httpx
from livekit.api import ListRoomsRequest, LiveKitAPI
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest

from api.gateway.session_counts import living
from api.schemas.service_status import HealthResponse
from connections.temporal_client import LazyClient
from settings import Settings

_ANSWER_SECONDS = 0.8
_REUSE_SECONDS = 1.0
"""/health is open to everybody, so a result is reused this long."""


class Health:
    """Checks Temporal, the workers, LiveKit and the agent server. Concurrent requests share one check."""

    def __init__(self, client: LazyClient, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._settings = settings
        self._clock = clock
        self._check: asyncio.Task[HealthResponse] | None = None
        self._checked_at = 0.0

    async def check(self) -> HealthResponse:
        """The result of now or of the last second. A part that does not answer in time is down."""
        check = self._check
        if check is None or (check.done() and self._clock() - self._checked_at > _REUSE_SECONDS):
            check = self._check = asyncio.create_task(self._check_all())
        return await asyncio.shield(check)  # other requests may wait for it when this one is cancelled

    async def _check_all(self) -> HealthResponse:
        has_agents = bool(self._settings.agent.health_url)
        temporal, workers, livekit, agents = await asyncio.gather(
            _works(self._temporal_answers()),
            _works(self._workers_poll()),
            _works(self._livekit_takes_our_key()),
            _works(self._agent_server_answers()),
        )
        parts = {"livekit": livekit, "temporal": temporal, "workers": workers, "agents": agents or not has_agents}
        down = [name for name, works in parts.items() if not works]
        self._checked_at = self._clock()
        return HealthResponse(
            status="degraded" if down else "healthy",
            livekit_url=self._settings.livekit.client_url,
            livekit_configured=self._settings.livekit.configured,
            livekit_connected=livekit,
            temporal_connected=temporal,
            workers_available=workers,
            agents_available=agents if has_agents else None,
            redis_connected=temporal,
            celery_available=workers,
            down=down,
        )

    async def _temporal_answers(self) -> bool:
        client = await self._client.get()
        return await client.service_client.check_health(timeout=timedelta(seconds=_ANSWER_SECONDS))

    async def _workers_poll(self) -> bool:
        """True if a worker polls, and no session waits longer than a start may.

        The last poll of a killed worker looks recent for a minute; the backlog's age shows it at the next task.
        """
        client = await self._client.get()
        answer = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=self._settings.temporal.task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
                report_stats=True,
            ),
            timeout=timedelta(seconds=_ANSWER_SECONDS),
        )
        polled = bool(living(answer.pollers))
        waiting = answer.stats.approximate_backlog_age.ToNanoseconds() / 1e9
        return polled and waiting < self._settings.api.start_timeout_seconds

    async def _livekit_takes_our_key(self) -> bool:
        """List a room that does not exist: the cheapest call that needs a valid key."""
        livekit = self._settings.livekit
        if not livekit.configured:
            return False
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        async with LiveKitAPI(
            livekit.url, livekit.api_key, livekit.api_secret.get_secret_value(), timeout=timeout
        ) as api:
            await api.room.list_rooms(ListRoomsRequest(names=["-"]))
        return True

    async def _agent_server_answers(self) -> bool:
        url = self._settings.agent.health_url
        if not url:
            return False
        async with httpx.AsyncClient(timeout=_ANSWER_SECONDS) as http:
            return (await http.get(url)).is_success


async def _works(check: Awaitable[bool]) -> bool:
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await check
    except Exception:
        return False  # after any error the part is unreliable
