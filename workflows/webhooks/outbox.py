"""What a session's customer is told: some of its events, handed one by one to a workflow that delivers them."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from contracts.customer_webhooks import (
        MOST_REDELIVERED,
        DeliveryRequest,
        RedeliveryPlan,
        WebhookEvent,
        WebhookType,
        delivery_id,
    )
    from contracts.events import EventsRequest, SessionEvent
    from contracts.session import SessionRequest
    from workflows.session.state import Notes
    from workflows.webhooks.delivery import WebhookDelivery

_SLACK_SECONDS = 24 * 60 * 60
"""What a session may last beyond its conversation: its clean-up is repeated for as long as LiveKit is away."""


class WebhookOutbox:
    """Hands over, and waits for no receiver. For a session without a `webhook_url` it does nothing at all."""

    def __init__(self, session: SessionRequest, notes: Notes) -> None:
        self._session = session
        self._notes = notes
        self._work: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """From here on, beside the session: the events so far, then each as it comes."""
        if self._session.webhook_url:
            self._work = asyncio.create_task(self._hand_over())

    async def handed_over(self) -> None:
        """Wait until Temporal has everything for the delivery, which takes no receiver and no worker."""
        if self._work is not None:
            await workflow.wait([self._work])

    async def _hand_over(self) -> None:
        notes, delivery = self._notes, delivery_id(self._session.session_id)
        if notes.webhooks_told == 0:  # an earlier run would have begun it
            await self._begin_delivery(delivery)
        log, is_over = notes.events, False
        while not is_over:
            await workflow.wait_condition(lambda: log.last > notes.webhooks_told)
            page = log.page(EventsRequest(after=notes.webhooks_told))
            for event in page.events:
                if told := _told(event):
                    await self._signal(delivery, told)
                notes.webhooks_told = event.id
            is_over = page.is_over and notes.webhooks_told == page.last

    async def _begin_delivery(self, delivery: str) -> None:
        try:
            await workflow.start_child_workflow(
                WebhookDelivery.run,
                self._delivery(),
                id=delivery,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                cancellation_type=workflow.ChildWorkflowCancellationType.ABANDON,
            )
        except FailureError as error:  # begun by an earlier run, or by a redelivery
            workflow.logger.info("the delivery of webhooks was not begun: %s", type(error).__name__)

    async def _signal(self, delivery: str, told: WebhookEvent) -> None:
        # One after the other: signals that are under way together may arrive in any order.
        try:
            await workflow.get_external_workflow_handle_for(WebhookDelivery.run, delivery).signal(
                WebhookDelivery.event, told
            )
        except FailureError:  # its receiver wants no more, or somebody has ended it: no harm to the session
            workflow.logger.info("event %d is not delivered: there is no delivery any more", told.number)

    def replay(self, request: EventsRequest) -> RedeliveryPlan:
        """What the customer was told after some number, for telling it again."""
        if not self._session.webhook_url:
            return RedeliveryPlan()
        told: list[WebhookEvent] = []
        page = self._notes.events.page(request)
        while page.events and len(told) < MOST_REDELIVERED:
            told += (each for event in page.events if (each := _told(event)))
            page = self._notes.events.page(EventsRequest(after=page.events[-1].id))
        return RedeliveryPlan(delivery=self._delivery(), events=tuple(told[:MOST_REDELIVERED]))

    def _delivery(self) -> DeliveryRequest:
        return DeliveryRequest(
            session_id=self._session.session_id,
            url=self._session.webhook_url,
            silence_seconds=self._session.limits.max_duration_seconds + _SLACK_SECONDS,
        )


def _told(event: SessionEvent) -> WebhookEvent | None:
    kind = _TYPES.get((event.type, event.data.get("state")))
    return None if kind is None else WebhookEvent(type=kind, event=event)


_TYPES = {
    ("session.state", "starting"): WebhookType.STARTED,
    ("session.state", "active"): WebhookType.ACTIVE,
    ("agent.state", "lost"): WebhookType.AGENT_LOST,
    ("agent.state", "ready"): WebhookType.AGENT_READY,
    ("session.ended", None): WebhookType.ENDED,
}
