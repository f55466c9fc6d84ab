"""Hands a session's customer webhooks, some of its events, one by one to a workflow that delivers them."""

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
    from contracts.events import EventsPage, EventsRequest, SessionEvent
    from contracts.session import SessionRequest
    from workflows.session.state import SessionState
    from workflows.webhooks.delivery import WebhookDelivery

_SLACK_SECONDS = 24 * 60 * 60
"""Time of a session beyond its conversation: cleanup is repeated for as long as LiveKit is away."""


class WebhookOutbox:
    """Waits for no receiver. For a session without a `webhook_url` it does nothing at all."""

    def __init__(self, request: SessionRequest, state: SessionState) -> None:
        self._request = request
        self._state = state
        self._work: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """From here on, beside the session: the events so far, then each as it comes."""
        if self._request.webhook_url:
            self._work = asyncio.create_task(self._hand_over())

    async def handed_over(self) -> None:
        """Wait until Temporal has everything for the delivery, which takes no receiver and no worker."""
        if self._work is not None:
            await workflow.wait([self._work])

    async def _hand_over(self) -> None:
        state, delivery = self._state, delivery_id(self._request.session_id)
        if state.webhooks_published == 0:  # an earlier run would have begun it
            await self._begin_delivery(delivery)
        is_over = False
        while not is_over:
            await workflow.wait_condition(lambda: state.events.length > state.webhooks_published)
            page = self._page(EventsRequest(after=state.webhooks_published))
            for event in page.events:
                if webhook := _webhook(event):
                    await self._signal(delivery, webhook)
                state.webhooks_published = event.id
            is_over = page.is_over and state.webhooks_published == page.last

    def _page(self, request: EventsRequest) -> EventsPage:
        return self._state.events.page(request, self._request.session_id, self._state.transcript)

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

    async def _signal(self, delivery: str, webhook: WebhookEvent) -> None:
        # One after the other: signals that are under way together may arrive in any order.
        try:
            await workflow.get_external_workflow_handle_for(WebhookDelivery.run, delivery).signal(
                WebhookDelivery.event, webhook
            )
        except FailureError:  # its receiver wants no more, or somebody has ended it: no harm to the session
            workflow.logger.info("event %d is not delivered: there is no delivery any more", webhook.number)

    def replay(self, request: EventsRequest) -> RedeliveryPlan:
        """The webhooks after some number, for delivering them again."""
        if not self._request.webhook_url:
            return RedeliveryPlan()
        webhooks: list[WebhookEvent] = []
        page = self._page(request)
        while page.events and len(webhooks) < MOST_REDELIVERED:
            webhooks += (each for event in page.events if (each := _webhook(event)))
            page = self._page(EventsRequest(after=page.events[-1].id))
        return RedeliveryPlan(delivery=self._delivery(), events=tuple(webhooks[:MOST_REDELIVERED]))

    def _delivery(self) -> DeliveryRequest:
        return DeliveryRequest(
            session_id=self._request.session_id,
            url=self._request.webhook_url,
            silence_seconds=self._request.limits.max_duration_seconds + _SLACK_SECONDS,
        )


def _webhook(event: SessionEvent) -> WebhookEvent | None:
    kind = _TYPES.get((event.type, event.data.get("state")))
    return None if kind is None else WebhookEvent(type=kind, event=event)


_TYPES = {
    ("session.state", "starting"): WebhookType.STARTED,
    ("session.state", "active"): WebhookType.ACTIVE,
    ("agent.state", "lost"): WebhookType.AGENT_LOST,
    ("agent.state", "ready"): WebhookType.AGENT_READY,
    ("session.ended", None): WebhookType.ENDED,
}
