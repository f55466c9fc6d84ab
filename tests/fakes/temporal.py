"""Temporal as an agent host uses it: claims, signals, heartbeats, ends of launches, and prescribed errors."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

from temporalio.api.workflowservice.v1 import RespondActivityTaskFailedRequest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode, WorkflowService

from contracts.agent import AgentOutcome, AgentReports, Briefing
from contracts.turns import Turn
from tests.fakes.briefings import briefing

UNAVAILABLE = RPCError("away", RPCStatusCode.UNAVAILABLE, b"")
NOT_FOUND = RPCError("no such thing", RPCStatusCode.NOT_FOUND, b"")
UNCONNECTED = RuntimeError("Failed client connect")
"""The SDK's error while its first connection fails."""


class FakeTemporal:
    """Lazy client, client, service and handle in one. Each call raises the next prescribed error, if one is left."""

    namespace = "default"

    def __init__(self, errors: Iterable[Exception] = ()) -> None:
        self.failed: list[tuple[bytes, str]] = []
        self.completed: list[AgentOutcome] = []
        self.happened: list[str] = []
        self.beats = 0
        self.briefing = briefing(generation=3)
        self.refuses_claims = False
        self.status = WorkflowExecutionStatus.RUNNING
        self.heartbeat_answer: Exception | None = None
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
        self.happened.append("failed")
        self.failed.append((request.task_token, request.failure.application_failure_info.type))

    def get_workflow_handle_for(self, workflow: object, workflow_id: str) -> FakeHandle:
        return FakeHandle(self, workflow_id)

    @property
    def heard(self) -> list[Turn]:
        """The turns that were reported, in order."""
        batches = [request for _, _, request in self.signals if isinstance(request, AgentReports)]
        return [report.turn for batch in batches for report in batch.reports if report.turn]

    def get_async_activity_handle(self, *, task_token: bytes) -> FakeTemporal:
        return self

    async def heartbeat(self, *_: object, rpc_timeout: timedelta) -> None:
        self.beats += 1
        if self.heartbeat_answer:
            raise self.heartbeat_answer

    async def complete(self, outcome: AgentOutcome, *, rpc_timeout: timedelta) -> None:
        self.happened.append("completed")
        self.completed.append(outcome)

    def answer(self) -> None:
        self.calls += 1
        if self._errors:
            raise self._errors.pop(0)


class FakeHandle:
    def __init__(self, temporal: FakeTemporal, workflow_id: str) -> None:
        self._temporal = temporal
        self._id = workflow_id

    async def execute_update(self, _update: object, _claim: object, *, id: str) -> Briefing:
        if self._temporal.refuses_claims:
            raise WorkflowUpdateFailedError(ApplicationError("not wanted any more", type="Superseded"))
        return self._temporal.briefing

    async def describe(self, *, rpc_timeout: timedelta) -> SimpleNamespace:
        return SimpleNamespace(status=self._temporal.status)

    async def query(self, _query: object, *, rpc_timeout: timedelta) -> tuple[Turn, ...]:
        return self._temporal.briefing.turns

    async def signal(
        self, handler: Callable[..., object], request: object, *, rpc_timeout: timedelta | None = None
    ) -> None:
        self._temporal.answer()
        self._temporal.happened.append(handler.__name__)
        self._temporal.signals.append((self._id, handler.__name__, request))
        self._temporal.signalled.set()
