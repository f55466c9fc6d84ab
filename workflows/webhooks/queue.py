"""The customer webhooks of one session that wait for their delivery, by number. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from contracts.customer_webhooks import DeliveryReport, Undelivered, WebhookEvent, WebhookType
from contracts.message import State


class WebhookQueue(State):
    """The state of a delivery; continue-as-new hands it on as it is. Times are the workflow's seconds.

    `newest` is the number of the newest event that it has seen. Its collections are bounded by the session's event log.
    """

    newest: int = 0
    is_over: bool = False
    delivered: int = 0
    given_up: set[int] = Field(default_factory=set)
    waiting: dict[int, Undelivered] = Field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.waiting)

    @property
    def first(self) -> Undelivered:
        """The next one to deliver."""
        return self.waiting[min(self.waiting)]

    def add(self, event: WebhookEvent, now: float) -> None:
        """Take in an event; a repeated one is ignored."""
        if event.number > self.newest:
            self._put(event, now)

    def add_again(self, events: Iterable[WebhookEvent], now: float) -> None:
        """Take in events again, delivered or not."""
        for event in events:
            self._put(event, now)

    def _put(self, event: WebhookEvent, now: float) -> None:
        self.waiting[event.number] = Undelivered(event=event, since=now)
        self.newest = max(self.newest, event.number)
        self.is_over = self.is_over or event.type is WebhookType.ENDED

    def taken(self, delivered: Undelivered) -> None:
        """The receiver has it."""
        self.delivered += 1
        self.given_up.discard(delivered.event.number)
        self._remove(delivered)

    def give_up(self, undelivered: Undelivered) -> None:
        """No attempt succeeded for a day."""
        self.given_up.add(undelivered.event.number)
        self._remove(undelivered)

    def _remove(self, done: Undelivered) -> None:
        # One that was asked for again meanwhile is another object, and stays.
        if self.waiting.get(done.event.number) is done:
            del self.waiting[done.event.number]

    def report(self, *, gone: bool) -> DeliveryReport:
        """The result of the delivery."""
        return DeliveryReport(delivered=self.delivered, given_up=tuple(sorted(self.given_up)), gone=gone)
