"""Request and response bodies, spelled as the API reference spells them; Swagger and ReDoc are made from these."""

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
    """Stripped text. NUL and lone surrogates are refused: neither protobuf nor a terminal carries them."""
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
    """Null and blank mean the default: forms send empty fields for what was left out."""
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
    """Who calls, and how the agent greets, sounds and behaves. Unknown fields are ignored."""

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
        description=f"Your own JSON object, at most {MAX_BYTES:,} bytes: given back with the session, never read.",
        examples=[EXAMPLE_METADATA],
    )
    maxDurationSeconds: Annotated[StrictInt, Field(ge=1)] | None = Field(
        None, description="The session ends after this time; at most MAX_DURATION_SECONDS, its default.", examples=[600]
    )
    webhookUrl: Annotated[_Text, Field(max_length=MAX_URL_LENGTH), _or_default("")] = Field(
        "",
        description="Where you want to be told of the session's events; WEBHOOKS_ALLOWED_TARGETS says which may be.",
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
        """The answer that hands over `join_token`."""
        return cls(
            sessionId=join_token.session_id,
            token=join_token.token,
            serverUrl=join_token.server_url,
            roomName=join_token.room_name,
            message=message,
        )


class EndSessionRequest(_Body):
    """Which session to end."""

    sessionId: SessionId = Field(description=_ID_TEXT, examples=[EXAMPLE_ID])


class EndDetails(_Body):
    """The bill, and what the clean-up confirmed."""

    session_id: str = Field(examples=[EXAMPLE_ID])
    workflow_completed: bool = Field(description="The session's workflow has come to its end.", examples=[True])
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
    errors: list[str] = Field(description="What was not confirmed yet; it goes on being tried.", examples=[[]])
    durationSeconds: int = Field(description="Total conversation time in seconds.", examples=[125])
    durationMinutes: int = Field(description="Rounded up to minutes, for billing.", examples=[3])
    metadata: dict[str, Any] | None = Field(
        description="What was given at the start; null when it could not be read just now.",
        examples=[EXAMPLE_METADATA],
    )


class EndResponse(_Body):
    """The end of a session. Ending it again gives the same answer."""

    success: Literal[True] = True
    message: str = Field(examples=[f"Session {EXAMPLE_ID} ended and cleaned up"])
    details: EndDetails

    @classmethod
    def of(cls, summary: SessionSummary, metadata: dict[str, Any] | None) -> EndResponse:
        """The answer that gives `summary` in the names of today and of the reference."""
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
    """Which of a session's webhooks to deliver again."""

    after: Annotated[StrictInt, Field(ge=0, le=10**9)] = Field(
        0, description="Only events with a greater number, the part of `webhook-id` behind the colon.", examples=[0]
    )


class RedeliverResponse(_Body):
    """They are on their way."""

    success: Literal[True] = True
    sessionId: str = Field(description=_ID_TEXT, examples=[EXAMPLE_ID])
    events: list[int] = Field(description="The numbers of the events, in the order of delivery.", examples=[[1, 4, 6]])


class WebhookResponse(_Body):
    """The event was taken, or is none of ours."""

    status: Literal["ok"] = "ok"
    event: str = Field(examples=["participant_left"])


class HealthResponse(_Body):
    """What works, asked just now. `degraded` when anything is down or not configured."""

    status: Literal["healthy", "degraded"]
    livekit_url: str = Field(examples=["wss://your-project.livekit.cloud"])
    livekit_configured: bool = Field(description="URL and key pair are set.", examples=[True])
    livekit_connected: bool = Field(description="LiveKit answers and takes our key.", examples=[True])
    temporal_connected: bool = Field(description="Temporal answers.", examples=[True])
    workers_available: bool = Field(description="A worker is polling for sessions.", examples=[True])
    agents_available: bool | None = Field(
        description="The agent server answers; null where AGENT_HEALTH_URL is not set.", examples=[True]
    )
    redis_connected: bool = Field(
        description="The same as temporal_connected.", deprecated="Use temporal_connected.", examples=[True]
    )
    celery_available: bool = Field(
        description="The same as workers_available.", deprecated="Use workers_available.", examples=[True]
    )
    down: list[str] = Field(description="The parts that do not work, by name.", examples=[[]])


class RootResponse(_Body):
    """What this service is."""

    service: str = "Voice Assistant Orchestrator"
    status: str = "running"
    version: str = "2.0.0"
    type: str = "Python FastAPI"
    features: list[str] = ["session_tracking", "cleanup", "livekit_webhooks"]


class ErrorResponse(_Body):
    """Every error, whatever its status."""

    detail: str = Field(description="What went wrong, in one sentence.")


def errors(*examples: tuple[int, str]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for error answers, each a status with its example text; several examples may share a status."""
    entries: dict[int | str, dict[str, Any]] = {}
    for status, detail in examples:
        entries[status] = {
            "model": ErrorResponse,
            "description": _ERROR_TITLES[status],
            "content": {"application/json": {"example": {"detail": detail}}},
        }
    return entries


_ERROR_TITLES = {
    400: "The input is wrong; the text says where",
    401: "The key, the signature or the token is missing or wrong",
    403: "Not for this page",
    404: "No such session",
    409: "The session has ended, or the Idempotency-Key was used with another body",
    413: "The body is too large",
    429: "Too many requests; Retry-After says when to come back",
    500: "The server failed",
    503: "Temporal or its workers are unavailable, or all places are taken",
}
