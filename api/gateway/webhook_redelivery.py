"""The gateway to a session's webhooks: told once more, whether its delivery is still under way or over."""

from __future__ import annotations

import asyncio
from typing import Protocol

from temporalio.common import WorkflowIDConflictPolicy

from api.gateway import worker_query
from api.gateway.outages import LOST, unreachable
from connections.temporal_client import LazyClient
from connections.webhook_targets import AllowedTargets
from contracts.customer_webhooks import Redelivery, RedeliveryPlan, delivery_id
from contracts.events import EventsRequest
from contracts.identities import is_session_id
from errors import NoWebhooks, SessionNotFound, TemporalUnavailable, WebhookTargetRefused
from settings import TemporalSettings
from workflows.voice_session import VoiceSession
from workflows.webhooks.delivery import WebhookDelivery

_ANSWER_SECONDS = 5.0


class Redeliveries(Protocol):
    """Redeliveries as the routes see them."""

    async def redeliver(self, session_id: str, after: int) -> tuple[int, ...]:
        """Have webhooks of events after this number delivered again; returns the numbers, in order.

        Raises `SessionNotFound`, `NoWebhooks`, `NoWorkerAnswered`, `TemporalUnavailable`.
        """


class TemporalRedeliveries:
    """`Redeliveries` by the session's event log, which a worker reads for as long as Temporal keeps the session."""

    def __init__(self, client: LazyClient, settings: TemporalSettings, targets: AllowedTargets) -> None:
        self._client = client
        self._settings = settings
        self._targets = targets

    async def redeliver(self, session_id: str, after: int) -> tuple[int, ...]:
        """One signal, which starts the delivery where it is over. Asked twice, it is done twice."""
        if not is_session_id(session_id):
            raise SessionNotFound(f"Session {session_id} not found")
        plan = await self._plan(session_id, after)
        if plan.delivery is None:
            raise NoWebhooks(f"Session {session_id} was started without a webhookUrl: nobody was told of it.")
        try:
            self._targets.check(plan.delivery.url)
        except WebhookTargetRefused as error:
            raise NoWebhooks(f"Its webhookUrl {error}.") from None
        if plan.events:
            await self._signal(plan)
        return tuple(event.number for event in plan.events)

    async def _plan(self, session_id: str, after: int) -> RedeliveryPlan:
        client = await self._client.get()
        return await worker_query.answer(
            client.get_workflow_handle(session_id).query(VoiceSession.webhooks, EventsRequest(after=after)),
            session_id=session_id,
            what="webhooks",
            nothing=RedeliveryPlan(),
            client=client,
            settings=self._settings,
        )

    async def _signal(self, plan: RedeliveryPlan) -> None:
        assert plan.delivery is not None  # noqa: S101  the caller has seen to it
        client = await self._client.get()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await client.start_workflow(
                    WebhookDelivery.run,
                    plan.delivery,
                    id=delivery_id(plan.delivery.session_id),
                    task_queue=self._settings.task_queue,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    start_signal="redeliver",
                    start_signal_args=[Redelivery(events=plan.events)],
                )
        except LOST as error:
            raise TemporalUnavailable(unreachable(self._settings)) from error
