"""Temporal as the AgentServer uses it: failed task tokens, signals, and errors that a test prescribes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import cast

from temporalio.api.workflowservice.v1 import RespondActivityTaskFailedRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode, WorkflowService

UNAVAILABLE = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
NOT_FOUND = RPCError("no such thing", RPCStatusCode.NOT_FOUND, b"")
UNCONNECTED = RuntimeError("Failed client connect")
"""The SDK's error while its first connection fails."""


class FakeTemporal:
    """Lazy client, client, service and handle in one. Each call raises the next prescribed error, if one is left."""

    namespace = "default"

    def __init__(self, errors: Iterable[Exception] = ()) -> None:
        self.failed: list[tuple[bytes, str]] = []
        self.signals: list[tuple[str, str, object]] = []
        self.signalled = asyncio.Event()
        self.calls = 0
        self._errors = list(errors)

    def prescribe(self, *errors: Exception) -> None:
        self._errors.extend(errors)

    async def get(self) -> Client:
        return cast("Client", self)

    @property
    def workflow_service(self) -> WorkflowService:
        return cast("WorkflowService", self)

    @property
    def service_client(self) -> FakeTemporal:
        return self

    async def check_health(self, *, timeout: timedelta) -> bool:  # noqa: ASYNC109  the SDK's signature
        raise UNCONNECTED

    async def respond_activity_task_failed(
        self,
        request: RespondActivityTaskFailedRequest,
        *,
        timeout: timedelta,  # noqa: ASYNC109
    ) -> None:
        self.answer()
        self.failed.append((request.task_token, request.failure.application_failure_info.type))

    def get_workflow_handle_for(self, workflow: object, workflow_id: str) -> FakeHandle:
        return FakeHandle(self, workflow_id)

    def answer(self) -> None:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)


class FakeHandle:
    def __init__(self, temporal: FakeTemporal, workflow_id: str) -> None:
        self._temporal = temporal
        self._id = workflow_id

    async def signal(self, handler: Callable[..., object], request: object, *, rpc_timeout: timedelta) -> None:
        self._temporal.answer()
        self._temporal.signals.append((self._id, handler.__name__, request))
        self._temporal.signalled.set()
