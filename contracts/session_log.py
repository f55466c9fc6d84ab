"""A session's turns and events together, and what is read from them: pages of events, and webhooks to redeliver."""

from __future__ import annotations

from typing import Any

from contracts.customer_webhooks import MOST_REDELIVERED, DeliveryRequest, RedeliveryPlan, WebhookEvent
from contracts.events import (
    LAST_EVENT,
    MOST_EVENTS_A_PAGE,
    EventsPage,
    EventsRequest,
    EventType,
    SessionEvent,
    wire_time,
    wire_turn,
)
from contracts.message import Message
from contracts.turns import Turn


class LoggedEvent(Message):
    """An event; its number is its place. A turn is kept as `(generation, sequence)` alone.

    `words`: the event's line in the timeline of Temporal's UI; an event without words is not in it.
    """

    type: EventType
    at_ms: int
    data: dict[str, Any]
    words: str = ""

    @property
    def step(self) -> str:
        """The event as a line of a log: ids, states and reasons, and never what was said."""
        return " ".join([self.type, *(f"{name}={value}" for name, value in self.data.items() if value is not None)])


class SessionLog(Message):
    """Every turn once, and the latest events, of a live or an ended session. The last event is number `length`."""

    session_id: str
    turns: tuple[Turn, ...] = ()
    events: tuple[LoggedEvent, ...] = ()
    length: int = 0
    delivery: DeliveryRequest | None = None  # of its customer webhooks; None without a URL

    def page(self, request: EventsRequest) -> EventsPage:
        """The events after `request.after`, as far as they are kept."""
        dropped = self.length - len(self.events)
        start = max(0, request.after - dropped)
        limit = max(1, min(request.limit, MOST_EVENTS_A_PAGE))
        turns = {(turn.generation, turn.sequence): (turn, at) for at, turn in enumerate(self.turns, 1)}
        events: list[SessionEvent] = []
        for number, logged in enumerate(self.events[start : start + limit], dropped + start + 1):
            data = logged.data
            if logged.type == "turn":
                data = wire_turn(*turns[data["generation"], data["sequence"]])
            at = wire_time(logged.at_ms)
            events.append(SessionEvent(id=number, type=logged.type, at=at, sessionId=self.session_id, data=data))
        is_over = bool(self.events) and self.events[-1].type == LAST_EVENT
        return EventsPage(events=tuple(events), last=self.length, is_over=is_over)

    def redelivery_plan(self, request: EventsRequest) -> RedeliveryPlan:
        """The webhooks after `request.after`, for delivering them again."""
        if self.delivery is None:
            return RedeliveryPlan()
        webhooks: list[WebhookEvent] = []
        page = self.page(request)
        while page.events and len(webhooks) < MOST_REDELIVERED:
            webhooks += (each for event in page.events if (each := WebhookEvent.of(event)))
            page = self.page(EventsRequest(after=page.events[-1].id))
        return RedeliveryPlan(delivery=self.delivery, events=tuple(webhooks[:MOST_REDELIVERED]))
