"""Bodies of the commands on a session (start, rejoin, end, redeliver), spelled as the API reference spells them."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr

from api.schemas.metadata import MAX_BYTES, Metadata
from connections.webhook_targets import MAX_URL_LENGTH
from contracts.agent_options import DEFAULT_OPENING_LINE, DEFAULT_SYSTEM_PROMPT, DEFAULT_VOICE, VOICES
from contracts.join_token import JoinToken
from contracts.session import SessionSummary

EXAMPLE_ID = "session_1234567890_abc123"
_ID_TEXT = "Unique session identifier."
EXAMPLE_METADATA = {"order": "A-17"}
_CREATED = "Session created. Voice agent is being spawned."


def _clean(text: str) -> str:
    """Strip the text. NUL and lone surrogates are refused: protobuf and terminals cannot represent them."""
    if "\x00" in text or any(unicodedata.category(character) == "Cs" for character in text):
        raise ValueError("contains characters that are not text")
    return text.strip()


def _one_line(text: str) -> str:
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in text):
        raise ValueError("contains control characters")
    return text


def _known_voice(text: str) -> str:
    if text not in VOICES:
        shown = text if len(text) <= 40 else text[:40] + "..."
        raise ValueError(f"'{shown}' is not a voice; choose one of {', '.join(VOICES)}")
    return text


def _or_default(default: str) -> BeforeValidator:
    """Null and blank mean the default: forms send empty fields."""
    return BeforeValidator(
        lambda value: default if value is None or (isinstance(value, str) and _blank(value)) else value
    )


def _blank(text: str) -> bool:
    return not text.strip()


_Text = Annotated[StrictStr, AfterValidator(_clean)]
UserName = Annotated[_Text, Field(min_length=1, max_length=128), AfterValidator(_one_line)]
SessionId = Annotated[_Text, Field(min_length=1, max_length=256)]
SessionIdPath = Annotated[SessionId, Path(alias="sessionId", description=_ID_TEXT, examples=[EXAMPLE_ID])]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class StartRequest(_Body):
    """The caller, and the agent's voice, greeting and instructions. Unknown fields are ignored."""

    userName: UserName = Field(description="User identifier.", examples=["user123"])
    voiceId: Annotated[_Text, AfterValidator(_known_voice), _or_default(DEFAULT_VOICE)] = Field(
        DEFAULT_VOICE,
        description=f"Voice of the agent: {', '.join(VOICES)}.",
        examples=[DEFAULT_VOICE],
        json_schema_extra={"enum": list(VOICES)},
    )
    openingLine: Annotated[_Text, Field(max_length=1_000), _or_default(DEFAULT_OPENING_LINE)] = Field(
        DEFAULT_OPENING_LINE, description="What the agent says first.", examples=[DEFAULT_OPENING_LINE]
    )
    systemPrompt: Annotated[_Text, Field(max_length=20_000), _or_default(DEFAULT_SYSTEM_PROMPT)] = Field(
        DEFAULT_SYSTEM_PROMPT,
        description="Instructions for the language model.",
        examples=["You are a helpful customer service agent."],
    )
    metadata: Metadata = Field(
        {},
        description=f"Your own JSON object, at most {MAX_BYTES:,} bytes: returned with the session, never interpreted.",
        examples=[EXAMPLE_METADATA],
    )
    maxDurationSeconds: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="The session ends after this time; at most MAX_DURATION_SECONDS, its default.", examples=[600]
    )
    maxWaitSeconds: Annotated[StrictInt, Field(ge=0)] | None = Field(
        None,
        description="How long this caller waits for a free agent; 0: not at all, and refused while others wait. "
        "At most AGENT_LAUNCH_LIMIT_SECONDS. Without it a start is refused while others have waited "
        "API_MAX_QUEUE_SECONDS, and otherwise waits up to AGENT_LAUNCH_LIMIT_SECONDS.",
        examples=[10],
    )
    webhookUrl: Annotated[_Text, Field(max_length=MAX_URL_LENGTH), _or_default("")] = Field(
        "",
        description="URL that receives the session's events; WEBHOOKS_ALLOWED_TARGETS lists the allowed ones.",
        examples=[""],
        repr=False,
    )


class StartResponse(_Body):
    """Everything the caller needs to join the room."""

    success: Literal[True] = True
    sessionId: str = Field(description=_ID_TEXT, examples=[EXAMPLE_ID])
    token: str = Field(
        description="LiveKit JWT for this room only, valid for two hours.",
        examples=["eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."],
        repr=False,
    )
    serverUrl: str = Field(description="LiveKit WebRTC server URL.", examples=["wss://your-project.livekit.cloud"])
    roomName: str = Field(description="LiveKit room name, the same as sessionId.", examples=[EXAMPLE_ID])
    message: str = Field(_CREATED, examples=[_CREATED])

    @classmethod
    def of(cls, join_token: JoinToken, message: str = _CREATED) -> StartResponse:
        """The response with this join token."""
        return cls(
            sessionId=join_token.session_id,
            token=join_token.token,
            serverUrl=join_token.server_url,
            roomName=join_token.room_name,
            message=message,
        )


class EndSessionRequest(_Body):
    """The session to end."""

    sessionId: SessionId = Field(description=_ID_TEXT, examples=[EXAMPLE_ID])


class EndDetails(_Body):
    """The bill, and the confirmed steps of the cleanup."""

    session_id: str = Field(examples=[EXAMPLE_ID])
    workflow_completed: bool = Field(description="The session's workflow is completed.", examples=[True])
    agent_stopped: bool = Field(description="The voice agent has left.", examples=[True])
    room_deleted: bool = Field(description="The LiveKit room is gone.", examples=[True])
    celery_task_revoked: bool = Field(
        description="The same as workflow_completed.", deprecated="Use workflow_completed.", examples=[True]
    )
    process_killed: bool = Field(
        description="The same as agent_stopped.", deprecated="Use agent_stopped.", examples=[True]
    )
    redis_cleaned: bool = Field(
        description="The same as room_deleted.", deprecated="Use room_deleted.", examples=[True]
    )
    errors: list[str] = Field(description="Steps that are not confirmed yet; they are retried.", examples=[[]])
    durationSeconds: int = Field(description="Total conversation time in seconds.", examples=[125])
    durationMinutes: int = Field(description="Rounded up to minutes, for billing.", examples=[3])
    metadata: dict[str, Any] | None = Field(
        description="As given at the start; null when it cannot be read.",
        examples=[EXAMPLE_METADATA],
    )


class EndResponse(_Body):
    """The end of a session. Ending it again returns the same."""

    success: Literal[True] = True
    message: str = Field(examples=[f"Session {EXAMPLE_ID} ended and cleaned up"])
    details: EndDetails

    @classmethod
    def of(cls, summary: SessionSummary, metadata: dict[str, Any] | None) -> EndResponse:
        """The response with this summary, in today's names and the reference's."""
        return cls(
            message=f"Session {summary.session_id} ended and cleaned up",
            details=EndDetails(
                session_id=summary.session_id,
                workflow_completed=summary.workflow_completed,
                agent_stopped=summary.agent_stopped,
                room_deleted=summary.room_deleted,
                celery_task_revoked=summary.workflow_completed,
                process_killed=summary.agent_stopped,
                redis_cleaned=summary.room_deleted,
                errors=list(summary.errors),
                durationSeconds=summary.duration_seconds,
                durationMinutes=summary.duration_minutes,
                metadata=metadata,
            ),
        )


class RedeliverRequest(_Body):
    """The webhooks to deliver again."""

    after: Annotated[StrictInt, Field(ge=0, le=10**9)] = Field(
        0, description="Only events with a greater number, the part of `webhook-id` behind the colon.", examples=[0]
    )


class RedeliverResponse(_Body):
    """The webhooks that are being delivered again."""

    success: Literal[True] = True
    sessionId: str = Field(description=_ID_TEXT, examples=[EXAMPLE_ID])
    events: list[int] = Field(description="The numbers of the events, in the order of delivery.", examples=[[1, 4, 6]])
