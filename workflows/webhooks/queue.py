"""The events that wait for their delivery, in the order of their numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.customer_webhooks import DeliveryMemory, DeliveryReport, Undelivered, WebhookEvent, WebhookType


class WebhookQueue:
    """Begun anew, or from the memory of an earlier run; times are the workflow's seconds."""

    def __init__(self, memory: DeliveryMemory) -> None:
        self._newest = memory.newest
        self._delivered = memory.delivered
        self._given_up = set(memory.given_up)
        self._waiting = {each.event.number: each for each in memory.waiting}
        self.is_over = memory.is_over

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def first(self) -> Undelivered:
        """What is to be delivered next."""
        return self._waiting[min(self._waiting)]

    def add(self, event: WebhookEvent, now: float) -> None:
        """Take in an event, unless it has come before."""
        if event.number > self._newest:
            self._put(event, now)

    def add_again(self, events: Iterable[WebhookEvent], now: float) -> None:
        """Take in events whether or not they have come before."""
        for event in events:
            self._put(event, now)

    def _put(self, event: WebhookEvent, now: float) -> None:
        self._waiting[event.number] = Undelivered(event=event, since=now)
        self._newest = max(self._newest, event.number)
        self.is_over = self.is_over or event.type is WebhookType.ENDED

    def taken(self, waiting: Undelivered) -> None:
        """The receiver has it."""
        self._delivered += 1
        self._given_up.discard(waiting.event.number)
        self._remove(waiting)

    def give_up(self, waiting: Undelivered) -> None:
        """Nobody took it for a day."""
        self._given_up.add(waiting.event.number)
        self._remove(waiting)

    def _remove(self, waiting: Undelivered) -> None:
        # What was asked for again meanwhile is another one, and stays.
        if self._waiting.get(waiting.event.number) is waiting:
            del self._waiting[waiting.event.number]

    def memory(self) -> DeliveryMemory:
        """What the next run must know."""
        return DeliveryMemory(
            newest=self._newest,
            is_over=self.is_over,
            delivered=self._delivered,
            given_up=tuple(sorted(self._given_up)),
            waiting=tuple(self._waiting.values()),
        )

    def report(self, *, gone: bool) -> DeliveryReport:
        """How it went."""
        return DeliveryReport(delivered=self._delivered, given_up=tuple(sorted(self._given_up)), gone=gone)
