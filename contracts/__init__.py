"""What crosses a process boundary: ids, inputs and results, signals, queries. Pure: no I/O is imported here.

Every boundary takes one object, so that a field can be added without breaking a running session. Fields are added,
never renamed or reordered. Times are Unix milliseconds (`*_at_ms`), spans are seconds (`*_seconds`).
"""

from contracts.agent import (
    SIGN_OF_LIFE_SECONDS,
    AgentOutcome,
    AgentPulse,
    AgentReady,
    Briefing,
    ClaimRequest,
    DispatchMetadata,
    DrainRequest,
    Handover,
    LaunchRequest,
    ProviderChanged,
    YieldRequest,
)
from contracts.conversation import Pace, Turn
from contracts.events import EventMemory, EventsPage, EventsRequest, LoggedEvent, SessionEvent
from contracts.limits import RoomTimeouts, SessionLimits
from contracts.payload import Payload
from contracts.room import Presence, RoomFinished, RoomRequest, RoomView, Sightings
from contracts.session import (
    DEFAULT_OPENING_LINE,
    DEFAULT_SYSTEM_PROMPT,
    DEFAULT_VOICE,
    VOICES,
    EndRequest,
    SessionMemory,
    SessionRequest,
    SessionSummary,
    SessionView,
)
from contracts.states import AgentState, EndReason, SessionState
from contracts.ticket import TOKEN_TTL_SECONDS, Ticket, TicketRequest, ValidTicketRequest
from contracts.webhooks import (
    DeliveryMemory,
    DeliveryReport,
    DeliveryRequest,
    Redelivery,
    RedeliveryPlan,
    Undelivered,
    WebhookEvent,
    WebhookRequest,
    WebhookType,
)

__all__ = [
    "DEFAULT_OPENING_LINE",
    "DEFAULT_SYSTEM_PROMPT",
    "DEFAULT_VOICE",
    "SIGN_OF_LIFE_SECONDS",
    "TOKEN_TTL_SECONDS",
    "VOICES",
    "AgentOutcome",
    "AgentPulse",
    "AgentReady",
    "AgentState",
    "Briefing",
    "ClaimRequest",
    "DeliveryMemory",
    "DeliveryReport",
    "DeliveryRequest",
    "DispatchMetadata",
    "DrainRequest",
    "EndReason",
    "EndRequest",
    "EventMemory",
    "EventsPage",
    "EventsRequest",
    "Handover",
    "LaunchRequest",
    "LoggedEvent",
    "Pace",
    "Payload",
    "Presence",
    "ProviderChanged",
    "Redelivery",
    "RedeliveryPlan",
    "RoomFinished",
    "RoomRequest",
    "RoomTimeouts",
    "RoomView",
    "SessionEvent",
    "SessionLimits",
    "SessionMemory",
    "SessionRequest",
    "SessionState",
    "SessionSummary",
    "SessionView",
    "Sightings",
    "Ticket",
    "TicketRequest",
    "Turn",
    "Undelivered",
    "ValidTicketRequest",
    "WebhookEvent",
    "WebhookRequest",
    "WebhookType",
    "YieldRequest",
]
