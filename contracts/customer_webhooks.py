"""Customer webhooks, and their delivery beside and after the session."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from contracts.events import SessionEvent
from contracts.message import Message

MOST_REDELIVERED: Final = 500
"""Events in one redelivery: far below Temporal's 2 MB, and more than a session has."""


_DELIVERY: Final = "webhooks_"


def delivery_id(session_id: str) -> str:
    """The id of the workflow that delivers a session's webhooks."""
    return f"{_DELIVERY}{session_id}"


def session_of(workflow_id: str) -> str:
    """The id of the session that a workflow belongs to: the session itself, or the delivery of its webhooks."""
    return workflow_id.removeprefix(_DELIVERY)


class WebhookType(StrEnum):
    """Types of customer webhooks."""

    STARTED = "session.started"
    ACTIVE = "session.active"  # the caller is there, also when they came back
    AGENT_LOST = "session.agent_lost"
    AGENT_READY = "session.agent_ready"
    ENDED = "session.ended"  # the last one, with the bill


class WebhookEvent(Message):
    """One of the session's events, as a customer webhook."""

    type: WebhookType
    event: SessionEvent

    @property
    def number(self) -> int:
        """Its number among all of the session's events; those of webhooks have gaps."""
        return self.event.id

    @classmethod
    def of(cls, event: SessionEvent) -> WebhookEvent | None:
        """The event as a webhook; None for an event that customers do not get as one."""
        kind = _TYPES.get((event.type, event.data.get("state")))
        return None if kind is None else cls(type=kind, event=event)


_TYPES: Final = {
    ("session.state", "starting"): WebhookType.STARTED,
    ("session.state", "active"): WebhookType.ACTIVE,
    ("agent.state", "lost"): WebhookType.AGENT_LOST,
    ("agent.state", "ready"): WebhookType.AGENT_READY,
    ("session.ended", None): WebhookType.ENDED,
}


class WebhookRequest(Message):
    """Input of the `deliver_webhook` activity. URLs can carry credentials: they are never logged."""

    session_id: str
    url: str = Field(repr=False)
    event: WebhookEvent


class Undelivered(Message):
    """An event that waits for its delivery, since this time (Unix seconds): its day begins there."""

    event: WebhookEvent
    since: float


class DeliveryRequest(Message):
    """Input of the `WebhookDelivery` workflow, its timers settled for good as a session's are.

    Without any news for `silence_seconds` the session is over. An event is tried again after `first_retry_seconds`,
    then after twice that, and so on, and is given up after `give_up_seconds`.
    """

    session_id: str
    url: str = Field(repr=False)
    silence_seconds: float
    first_retry_seconds: float = 1
    give_up_seconds: float = 24 * 60 * 60
    queue: dict[str, Any] | None = None  # the `WebhookQueue` of the run that this one continues


class Redelivery(Message):
    """Signal `redeliver`: these events once more, delivered or not, from the first of them on."""

    events: tuple[WebhookEvent, ...]


class RedeliveryPlan(Message):
    """Answer of the `webhooks` query: the webhooks after some number, and how to deliver them again; None: no URL."""

    delivery: DeliveryRequest | None = None
    events: tuple[WebhookEvent, ...] = ()


class DeliveryReport(Message):
    """Result of the `WebhookDelivery` workflow; `given_up` are the numbers of events that nobody took for a day."""

    delivered: int
    given_up: tuple[int, ...] = ()
    gone: bool = False  # the receiver answered 410: it wants no more
