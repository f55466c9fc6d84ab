"""A session: how it starts, stands, goes on in a new run and ends."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from contracts.conversation import Turn
from contracts.events import EventMemory
from contracts.limits import SessionLimits
from contracts.payload import Payload
from contracts.room import Sightings
from contracts.states import AgentState, EndReason, SessionState
from contracts.ticket import Ticket
from identities import named_caller_identity

VOICES: Final = ("Ashley", "Craig", "Edward", "Olivia", "Wendy", "Priya")
DEFAULT_VOICE: Final = "Ashley"
DEFAULT_OPENING_LINE: Final = "Hello! How can I help you today?"
DEFAULT_SYSTEM_PROMPT: Final = "You are a helpful and friendly voice assistant."


class SessionMemory(Payload):
    """What a session's next run must know, when its history grows long and it continues as new. Times as in the run."""

    started_at: float
    ticket: Ticket
    generation: int
    lost_at: tuple[float, ...] = ()
    story: tuple[str, ...] = ()
    story_length: int = 0
    sightings: tuple[Sightings, ...] = ()
    nameless_leaves_at_ms: tuple[int, ...] = ()
    looked_at: float = 0
    last_sign_at: float = 0
    turns: tuple[Turn, ...] = Field((), repr=False)
    events: EventMemory = EventMemory()
    webhooks_told: int = 0  # the number of the last event that was handed to the delivery
    ticket_at: float | None = None  # None in what was written before tickets were renewed


class SessionRequest(Payload):
    """Input of the `VoiceSession` workflow.

    `caller_identity` is empty in sessions from before it was opaque. `fingerprint` marks the request that a session was
    started with under an Idempotency-Key; it is empty without one.
    """

    session_id: str
    user_name: str
    voice_id: str = DEFAULT_VOICE
    opening_line: str = Field(DEFAULT_OPENING_LINE, repr=False)
    system_prompt: str = Field(DEFAULT_SYSTEM_PROMPT, repr=False)
    limits: SessionLimits = SessionLimits()
    webhook_url: str = Field("", repr=False)  # where its customer is told of it; empty: nowhere
    memory: SessionMemory | None = Field(None, repr=False)  # only where a run continues an earlier one
    owner: str = ""  # whose API key started it; empty where none is needed
    caller_identity: str = ""
    fingerprint: str = ""

    @property
    def caller(self) -> str:
        """The caller's LiveKit identity."""
        return self.caller_identity or named_caller_identity(self.user_name)

    @property
    def callers(self) -> frozenset[str]:
        """All identities that reports of the caller may have: the reference's webhooks name the user."""
        return frozenset((self.caller, named_caller_identity(self.user_name)))


class EndRequest(Payload):
    """Signal `end`: the REST client asked for the end at this moment; the conversation is billed until then."""

    at_ms: int


class SessionSummary(Payload):
    """The bill and what the clean-up confirmed: result of the workflow, and part of the `view` query."""

    session_id: str
    end_reason: EndReason
    duration_seconds: int
    duration_minutes: int
    generations: int
    workflow_completed: bool
    agent_stopped: bool
    room_deleted: bool
    errors: tuple[str, ...] = ()


class SessionView(Payload):
    """Where a session stands: result of the `view` query."""

    session_id: str
    user_name: str
    state: SessionState
    agent_state: AgentState
    generation: int
    end_reason: EndReason | None = None
    turns: int = 0
    summary: SessionSummary | None = None
