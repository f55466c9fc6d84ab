"""Delivers a session's customer webhooks: one after the other, each until it is taken, or for a day."""

from __future__ import annotations

from datetime import timedelta
from typing import NoReturn

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

with workflow.unsafe.imports_passed_through():
    from activities.interface import SessionActivities
    from contracts.customer_webhooks import (
        DeliveryReport,
        DeliveryRequest,
        Redelivery,
        Undelivered,
        WebhookEvent,
        WebhookRequest,
    )
    from contracts.failures import WEBHOOK_GONE
    from workflows.session import session_metrics
    from workflows.session.clock import now
    from workflows.webhooks.queue import WebhookQueue

_ATTEMPT = timedelta(seconds=20)
_LONGEST_PAUSE = timedelta(minutes=30)
_LEAST_SHARE = 288
"""Of the time for an event, a 288th, five minutes of a day, is left for it when the ones before it took that time."""


@workflow.defn(name="WebhookDelivery")
class WebhookDelivery:
    """Beside a session, and after it: the session waits for none of this. Its id is `webhooks_<session id>`."""

    @workflow.init
    def __init__(self, request: DeliveryRequest) -> None:
        # Signals may be handled before run() begins.
        self._queue = WebhookQueue.model_validate(request.queue or {})
        self._asked_again = False

    @workflow.run
    async def run(self, request: DeliveryRequest) -> DeliveryReport:
        """Deliver until the session's last event is taken or given up, or the receiver wants no more."""
        session_metrics.webhooks_begin()
        while await self._has_next(request):
            if not await self._deliver(request, self._queue.first):
                return self._queue.report(gone=True)
            if workflow.info().is_continue_as_new_suggested():
                self._go_on_in_a_new_run(request)
        return self._queue.report(gone=False)

    async def _has_next(self, request: DeliveryRequest) -> bool:
        """Wait for the next event. False when none will come: a terminated session publishes no end."""
        try:
            await workflow.wait_condition(
                lambda: bool(self._queue) or self._queue.is_over,
                timeout=request.silence_seconds,
                timeout_summary="no event of the session for long",
            )
        except TimeoutError:
            return False
        return bool(self._queue)

    async def _deliver(self, request: DeliveryRequest, waiting: Undelivered) -> bool:
        """Try until it is taken, given up, or asked for again. False when the receiver wants no more."""
        self._asked_again = False
        event = waiting.event
        attempts = workflow.start_activity_method(
            SessionActivities.deliver_webhook,
            WebhookRequest(session_id=request.session_id, url=request.url, event=event),
            start_to_close_timeout=_ATTEMPT,
            schedule_to_close_timeout=_time_for(request, waiting),
            retry_policy=RetryPolicy(
                initial_interval=timedelta(seconds=request.first_retry_seconds),
                backoff_coefficient=2,
                maximum_interval=_LONGEST_PAUSE,
            ),
            # An attempt that is under way is waited for: the next one must not overtake it.
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=f"{event.number}: {event.type}",
        )
        await workflow.wait_condition(lambda: attempts.done() or self._asked_again)
        if not attempts.done():  # it may be an hour until the next attempt, and somebody wants it now
            attempts.cancel()
        try:
            await attempts
        except ActivityError as error:
            if is_cancelled_exception(error):
                if self._asked_again:
                    return True
                raise
            if isinstance(error.cause, ApplicationError) and error.cause.type == WEBHOOK_GONE:
                session_metrics.webhook_not_delivered("gone")
                return False
            self._queue.give_up(waiting)
            session_metrics.webhook_not_delivered("given_up")
            workflow.logger.warning("webhook %d of %s was given up", event.number, request.session_id)
        else:
            self._queue.taken(waiting)
            session_metrics.webhook_delivered(now() - waiting.since)
        return True

    def _go_on_in_a_new_run(self, request: DeliveryRequest) -> NoReturn:
        workflow.continue_as_new(request.model_copy(update={"queue": self._queue.model_dump(mode="json")}))

    @workflow.signal
    def event(self, event: WebhookEvent) -> None:
        """Enqueue an event. In order; duplicates are ignored."""
        self._queue.add(event, now())

    @workflow.signal
    def redeliver(self, redelivery: Redelivery) -> None:
        """Deliver events again: from the first of them on, at once, and with a day of their own."""
        self._queue.add_again(redelivery.events, now())
        self._asked_again = True


def _time_for(request: DeliveryRequest, waiting: Undelivered) -> timedelta:
    left, least = waiting.since + request.give_up_seconds - now(), request.give_up_seconds / _LEAST_SHARE
    return timedelta(seconds=max(left, least))
