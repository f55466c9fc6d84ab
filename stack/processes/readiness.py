"""Readiness probes of the parts: each returns why its part is not ready, or None when it is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeTaskQueueRequest
from temporalio.client import Client

from contracts import search_attributes
from settings import TemporalSettings

_TIMEOUT_SECONDS = 3.0
_PULLING = "pulling launches from task queue"


def http(url: str) -> str | None:
    """Ready when `url` answers 200."""
    try:
        response = httpx.get(url, timeout=_TIMEOUT_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        return f"no answer ({type(error).__name__})"
    return None if response.status_code == 200 else f"HTTP {response.status_code}"


def api(health_url: str) -> str | None:
    """Ready when the API finds every other part healthy."""
    try:
        body = httpx.get(health_url, timeout=_TIMEOUT_SECONDS, trust_env=False).json()
    except (httpx.HTTPError, ValueError) as error:
        return f"no answer ({type(error).__name__})"
    if body.get("status") == "healthy":
        return None
    down = sorted(name for name, value in body.items() if value is False)
    return f"{body.get('status')}: {', '.join(down)}"


def agent(health_url: str, log: Path) -> str | None:
    """Ready when the AgentServer answers 200 and has logged, since it started, that it pulls launches."""
    reason = http(health_url)
    if reason:
        return reason
    with log.open(errors="replace") as lines:
        return None if any(_PULLING in line for line in lines) else "it does not pull launches yet"


def temporal(settings: TemporalSettings) -> str | None:
    """Ready when the namespace exists and has the search attributes of sessions."""

    async def probe(client: Client) -> str | None:
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=settings.namespace))
        registered = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=settings.namespace)
        )
        missing = search_attributes.TYPES.keys() - registered.custom_attributes.keys()
        return f"search attributes missing: {', '.join(sorted(missing))}" if missing else None

    return _result(settings, probe)


def worker(settings: TemporalSettings) -> str | None:
    """Ready when a worker polls the task queue for workflow tasks and for activities."""

    async def probe(client: Client) -> str | None:
        for kind in (TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY):
            described = await client.workflow_service.describe_task_queue(
                DescribeTaskQueueRequest(
                    namespace=settings.namespace,
                    task_queue=TaskQueue(name=settings.task_queue),
                    task_queue_type=kind,
                )
            )
            if not described.pollers:
                return f"no worker polls {settings.task_queue}"
        return None

    return _result(settings, probe)


def _result(settings: TemporalSettings, probe: Callable[[Client], Awaitable[str | None]]) -> str | None:
    # In a thread of its own: tests also start the stack where an event loop already runs.
    async def bounded() -> str | None:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            return await probe(await Client.connect(settings.address, namespace=settings.namespace))

    with ThreadPoolExecutor(1) as thread:
        try:
            return thread.submit(asyncio.run, bounded()).result()
        except (RuntimeError, OSError, TimeoutError) as error:
            return f"no answer ({type(error).__name__})"
