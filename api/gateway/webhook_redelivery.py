"""Redelivers a session's customer webhooks, whether their first delivery is running or finished."""

from __future__ import annotations

from typing import Protocol

from temporalio.common import WorkflowIDConflictPolicy

from api.gateway.rpc_errors import temporal_call
from api.gateway.session_handle import ANSWER_SECONDS, open_session
from connections.temporal_client import LazyClient
from connections.webhook_targets import AllowedTargets
from contracts.customer_webhooks import DeliveryRequest, Redelivery, RedeliveryPlan, WebhookEvent, delivery_id
from contracts.events import EventsRequest
from errors import NoWebhooks, WebhookTargetRefused
from settings import TemporalSettings
from workflows.voice_session import VoiceSession
from workflows.webhooks.delivery import WebhookDelivery


class Redeliveries(Protocol):
    """Redeliveries as the routes use them."""

    async def redeliver(self, session_id: str, after: int) -> tuple[int, ...]:
        """Deliver the webhooks of events after this number again; returns the numbers, in order.

        Raises `SessionNotFound`, `NoWebhooks`, `NoWorkerAnswered`, `TemporalUnavailable`.
        """


class TemporalRedeliveries:
    """`Redeliveries` from the session's event log, for as long as Temporal keeps the session."""

    def __init__(self, client: LazyClient, settings: TemporalSettings, targets: AllowedTargets) -> None:
        self._client = client
        self._settings = settings
        self._targets = targets

    async def redeliver(self, session_id: str, after: int) -> tuple[int, ...]:
        """One signal-with-start. Two requests deliver twice."""
        plan = await self._plan(session_id, after)
        if plan.delivery is None:
            raise NoWebhooks(f"Session {session_id} has no webhookUrl, so it has no webhooks to deliver again.")
        try:
            self._targets.check(plan.delivery.url)
        except WebhookTargetRefused as error:
            raise NoWebhooks(f"Its webhookUrl {error}.") from None
        if plan.events:
            await self._signal(plan.delivery, plan.events)
        return tuple(event.number for event in plan.events)

    async def _plan(self, session_id: str, after: int) -> RedeliveryPlan:
        session = await open_session(self._client, self._settings, session_id)
        request = EventsRequest(after=after)
        return await session.read(
            lambda log: log.redelivery_plan(request),
            lambda: session.workflow.query(VoiceSession.webhooks, request),
            "webhooks",
        )

    async def _signal(self, delivery: DeliveryRequest, events: tuple[WebhookEvent, ...]) -> None:
        client = await self._client.get()
        async with temporal_call(self._settings, ANSWER_SECONDS):
            await client.start_workflow(
                WebhookDelivery.run,
                delivery,
                id=delivery_id(delivery.session_id),
                task_queue=self._settings.task_queue,
                id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                start_signal="redeliver",
                start_signal_args=[Redelivery(events=events)],
            )
