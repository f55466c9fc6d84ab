"""What crosses a process boundary: ids, inputs and results, signals, queries. Pure: no I/O is imported here.

Every boundary takes one object, so that a field can be added without breaking a running session. Fields are added,
never renamed or reordered. Times are Unix milliseconds (`*_at_ms`), spans are seconds (`*_seconds`).
"""

from contracts.agent import (
    LIVENESS_PROBE_SECONDS,
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
from contracts.agent_options import (
    DEFAULT_OPENING_LINE,
    DEFAULT_SYSTEM_PROMPT,
    DEFAULT_VOICE,
    VOICES,
    AgentOptions,
)
from contracts.customer_webhooks import (
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
from contracts.events import EventMemory, EventsPage, EventsRequest, LoggedEvent, SessionEvent
from contracts.join_token import TOKEN_TTL_SECONDS, JoinToken, JoinTokenRequest, ValidJoinTokenRequest
from contracts.limits import RoomTimeouts, SessionLimits
from contracts.message import Message
from contracts.room import Presence, RoomFinished, RoomRequest, RoomView, Sightings
from contracts.session import (
    EndRequest,
    SessionMemory,
    SessionRequest,
    SessionSummary,
    SessionView,
)
from contracts.states import AgentState, EndReason, SessionState
from contracts.turns import LatencyBreakdown, Turn

__all__ = [
    "DEFAULT_OPENING_LINE",
    "DEFAULT_SYSTEM_PROMPT",
    "DEFAULT_VOICE",
    "LIVENESS_PROBE_SECONDS",
    "TOKEN_TTL_SECONDS",
    "VOICES",
    "AgentOptions",
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
    "JoinToken",
    "JoinTokenRequest",
    "LatencyBreakdown",
    "LaunchRequest",
    "LoggedEvent",
    "Message",
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
    "Turn",
    "Undelivered",
    "ValidJoinTokenRequest",
    "WebhookEvent",
    "WebhookRequest",
    "WebhookType",
    "YieldRequest",
]
