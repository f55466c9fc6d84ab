"""What crosses a process boundary: ids, inputs and results, signals, queries. Pure: no I/O is imported here.

Every boundary takes one object, so that a field can be added without breaking a running session. Fields are added,
never renamed or reordered. Times are Unix milliseconds (`*_at_ms`), spans are seconds (`*_seconds`).
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

VOICES: Final = ("Ashley", "Craig", "Edward", "Olivia", "Wendy", "Priya")
DEFAULT_VOICE: Final = "Ashley"
DEFAULT_OPENING_LINE: Final = "Hello! How can I help you today?"
DEFAULT_SYSTEM_PROMPT: Final = "You are a helpful and friendly voice assistant."
TOKEN_TTL_SECONDS: Final = 2 * 60 * 60


class Payload(BaseModel):
    """Base of all payloads: immutable, and tolerant of fields that a newer writer added."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class SessionState(StrEnum):
    """Where a session is in its life, as its callers see it."""

    STARTING = "starting"
    WAITING = "waiting"  # an agent is there, the caller not yet
    ACTIVE = "active"
    RECONNECTING = "reconnecting"  # the caller left and may come back within the grace
    ENDING = "ending"
    ENDED = "ended"


class AgentState(StrEnum):
    """Where the session's current agent generation is."""

    LAUNCHING = "launching"
    READY = "ready"
    LOST = "lost"
    STOPPED = "stopped"


class EndReason(StrEnum):
    """Why a session ended."""

    API_REQUEST = "api_request"
    CALLER_LEFT = "caller_left"
    ROOM_FINISHED = "room_finished"
    NO_SHOW = "no_show"
    MAX_DURATION = "max_duration"
    AGENT_UNAVAILABLE = "agent_unavailable"
    CANCELLED = "cancelled"
    ERROR = "error"


class RoomTimeouts(Payload):
    """How long LiveKit keeps a room nobody is in: longer than our own timers, which decide."""

    empty_seconds: int
    departure_seconds: int


class SessionLimits(Payload):
    """The timers of one session, settled when it starts so that a changed setting never alters a running one."""

    no_show_seconds: float = 120
    reconnect_grace_seconds: float = 30
    max_duration_seconds: float = 7200
    agent_heartbeat_timeout_seconds: float = 2
    agent_join_deadline_seconds: float = 15
    agent_launch_limit_seconds: float = 60
    agent_max_losses_per_minute: int = 5
    agent_relaunch_pause_seconds: float = 0.2
    agent_alone_seconds: float = 300

    @property
    def room_timeouts(self) -> RoomTimeouts:
        """The room outlives each of our own timers by a minute."""
        return RoomTimeouts(
            empty_seconds=math.ceil(self.no_show_seconds) + 60,
            departure_seconds=math.ceil(self.reconnect_grace_seconds) + 60,
        )


class SessionRequest(Payload):
    """Input of the `VoiceSession` workflow."""

    session_id: str
    user_name: str
    voice_id: str = DEFAULT_VOICE
    opening_line: str = Field(DEFAULT_OPENING_LINE, repr=False)
    system_prompt: str = Field(DEFAULT_SYSTEM_PROMPT, repr=False)
    limits: SessionLimits = SessionLimits()
    memory: SessionMemory | None = Field(None, repr=False)  # only where a run continues an earlier one


class TicketRequest(Payload):
    """Input of the `issue_ticket` local activity."""

    session_id: str
    user_name: str
    timeouts: RoomTimeouts


class Ticket(Payload):
    """What a caller needs to join: result of the `ticket` update. `token` is a credential: never log it."""

    session_id: str
    room_name: str
    identity: str
    token: str = Field(repr=False)
    server_url: str


class LaunchRequest(Payload):
    """Input of the `launch_agent` activity: one a generation."""

    session_id: str
    generation: int
    join_deadline_seconds: float
    timeouts: RoomTimeouts
    predecessor_may_live: bool = False  # then it is left in the room, for the newcomer to ask


class DispatchMetadata(Payload):
    """What LiveKit carries to the agent's job. Opaque ids only: dispatches can be listed by whoever has an API key."""

    session_id: str
    generation: int
    sealed_task_token: str = Field(repr=False)


class Turn(Payload):
    """Something said, named by `(generation, sequence)`. Not `final`: the agent is still at it, this much was heard."""

    generation: int
    sequence: int
    role: Literal["caller", "agent"]
    text: str = Field(repr=False)
    at_ms: int
    interrupted: bool = False
    final: bool = True


class ClaimRequest(Payload):
    """Input of the `claim` update: an agent's job asks to be this generation before it does anything in the room."""

    generation: int
    identity: str


class Briefing(Payload):
    """What a new agent must know: result of the `claim` update."""

    session_id: str
    generation: int
    user_name: str
    caller_identity: str
    voice_id: str
    opening_line: str = Field(repr=False)
    system_prompt: str = Field(repr=False)
    turns: tuple[Turn, ...] = ()
    heartbeat_timeout_seconds: float
    alone_seconds: float = SessionLimits().agent_alone_seconds
    predecessor_lives: bool = False  # it serves as far as is known: a slow answer of it is no death


class AgentReady(Payload):
    """Signal `agent_ready`: this generation alone has the word now. Reports of older ones are refused from here on.

    `inherited` are turns that its predecessor handed over directly, whether or not they reached the workflow as well.
    """

    generation: int
    identity: str
    at_ms: int
    inherited: tuple[Turn, ...] = Field((), repr=False)


class AgentOutcome(Payload):
    """Result of `launch_agent`, sent by the job when it leaves by itself; `handed_over`: for a successor, no loss."""

    generation: int
    cause: str
    handed_over: bool = False


class DrainRequest(Payload):
    """Signal `drain`: this generation's AgentServer will stop. It speaks on until a newcomer asks it to yield."""

    generation: int


class YieldRequest(Payload):
    """LiveKit RPC `yield`, then `hand_over`: a newcomer that knows the older generation's turns up to this sequence."""

    generation: int
    known_sequence: int = 0


class Handover(Payload):
    """An older generation's last word (answer to `hand_over`): turns that the newcomer may not know. It is mute now."""

    turns: tuple[Turn, ...] = Field((), repr=False)


class Presence(Payload):
    """Signal `presence`: a caller's participant was seen to join or leave; from webhooks and from the agent alike."""

    participant_sid: str
    identity: str
    kind: Literal["joined", "left"]
    at_ms: int
    joined_at_ms: int | None = None
    source: Literal["webhook", "agent", "room"]


class RoomFinished(Payload):
    """Signal `room_finished`: LiveKit closed the room."""

    at_ms: int


class EndRequest(Payload):
    """Signal `end`: the REST client asked for the end at this moment; the conversation is billed until then."""

    at_ms: int


class RoomRequest(Payload):
    """Input of the `look_at_room` and `close_room` activities."""

    session_id: str


class RoomView(Payload):
    """Who is in the room now: result of `look_at_room` and, as last seen, of `close_room`."""

    callers: tuple[Presence, ...] = ()
    agent_identities: tuple[str, ...] = ()


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


class Sightings(Payload):
    """What is known of one participant SID of the caller."""

    participant_sid: str
    joined_at_ms: int | None = None
    seen_at_ms: int = 0
    leaves_at_ms: tuple[int, ...] = ()


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
    turns: tuple[Turn, ...] = Field((), repr=False)


SessionRequest.model_rebuild()
SessionView.model_rebuild()
