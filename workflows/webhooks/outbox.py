"""Hands a session's customer webhooks, some of its events, one by one to a workflow that delivers them."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from contracts.customer_webhooks import DeliveryRequest, WebhookEvent, delivery_id
    from contracts.events import EventsRequest
    from contracts.session import SessionRequest
    from workflows.session.state import SessionState
    from workflows.webhooks.delivery import WebhookDelivery


class WebhookOutbox:
    """Waits for no receiver. For a session without a `webhook_url` it does nothing at all."""

    def __init__(self, request: SessionRequest, state: SessionState) -> None:
        self._request = request
        self._state = state
        self._work: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """From here on, beside the session: the events so far, then each as it comes."""
        if (delivery := self._request.delivery) is not None:
            self._work = asyncio.create_task(self._hand_over(delivery))

    async def handed_over(self) -> None:
        """Wait until Temporal has everything for the delivery, which takes no receiver and no worker."""
        if self._work is not None:
            await workflow.wait([self._work])

    async def _hand_over(self, delivery: DeliveryRequest) -> None:
        state = self._state
        if state.webhooks_published == 0:  # an earlier run would have begun it
            await self._begin(delivery)
        is_over = False
        while not is_over:
            await workflow.wait_condition(lambda: state.events.length > state.webhooks_published)
            page = state.log(self._request).page(EventsRequest(after=state.webhooks_published))
            for event in page.events:
                if webhook := WebhookEvent.of(event):
                    await self._signal(delivery_id(delivery.session_id), webhook)
                state.webhooks_published = event.id
            is_over = page.is_over and state.webhooks_published == page.last

    async def _begin(self, delivery: DeliveryRequest) -> None:
        try:
            await workflow.start_child_workflow(
                WebhookDelivery.run,
                delivery,
                id=delivery_id(delivery.session_id),
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
