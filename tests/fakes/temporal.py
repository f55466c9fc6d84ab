"""Temporal as the AgentServer's side uses it: failed task tokens, signals, and answers that a test prescribes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from temporalio.api.workflowservice.v1 import RespondActivityTaskFailedRequest
from temporalio.service import RPCError, RPCStatusCode

AWAY = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
UNKNOWN = RPCError("no such thing", RPCStatusCode.NOT_FOUND, b"")
UNCONNECTED = RuntimeError("Failed client connect")


class FakeTemporal:
    """Client, its service and its handles in one. Each call takes the next prescribed error, and none after the last.

    It is its own lazy client too: `await temporal.get()`.
    """

    namespace = "default"

    def __init__(self, errors: Iterable[Exception] = ()) -> None:
        self.failed: list[tuple[bytes, str]] = []
        self.signals: list[tuple[str, str, Any]] = []
        self.signalled = asyncio.Event()
        self.calls = 0
        self._errors = list(errors)

    def prescribe(self, *errors: Exception) -> None:
        """What the next calls raise, one each."""
        self._errors.extend(errors)

    async def get(self) -> FakeTemporal:
        return self

    @property
    def workflow_service(self) -> Any:
        return self

    @property
    def service_client(self) -> Any:
        return self

    async def check_health(self, *, timeout: timedelta) -> bool:  # noqa: ASYNC109  the SDK's signature
        raise UNCONNECTED

    async def respond_activity_task_failed(
        self,
        request: RespondActivityTaskFailedRequest,
        *,
        timeout: timedelta,  # noqa: ASYNC109
    ) -> None:
        self._answer()
        self.failed.append((request.task_token, request.failure.application_failure_info.type))

    def get_workflow_handle_for(self, workflow: Any, workflow_id: str) -> FakeHandle:
        return FakeHandle(self, workflow_id)

    def _answer(self) -> None:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)


class FakeHandle:
    def __init__(self, temporal: FakeTemporal, workflow_id: str) -> None:
        self._temporal = temporal
        self._id = workflow_id

    async def signal(self, handler: Any, request: Any, *, rpc_timeout: timedelta) -> None:
        self._temporal._answer()
        self._temporal.signals.append((self._id, handler.__name__, request))
        self._temporal.signalled.set()
