"""Responses about sessions, live or ended, and the filters of their list."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationInfo,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from api.schemas.session_commands import EXAMPLE_ID, EXAMPLE_METADATA, UserName
from api.schemas.timestamps import Time, TimeInput
from contracts.agent_options import DEFAULT_VOICE
from contracts.events import wire_turn
from contracts.statuses import AgentState, EndReason, SessionStatus
from contracts.turns import Turn

_STARTED = "2026-11-23T15:21:20.123Z"
_ENDED = "2026-11-23T15:23:25.456Z"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class SessionItem(_Answer):
    """A session in a list, which lags by a moment."""

    sessionId: str = Field(description="Unique session identifier.", examples=[EXAMPLE_ID])
    userName: str | None = Field(
        description="As given at the start; null when it cannot be read.", examples=["user123"]
    )
    voiceId: str | None = Field(
        description="As given at the start; null when it cannot be read.", examples=[DEFAULT_VOICE]
    )
    metadata: dict[str, Any] | None = Field(
        description="As given at the start; null when it cannot be read.", examples=[EXAMPLE_METADATA]
    )
    state: SessionStatus | None = Field(
        description="The session's state; null for one that is newer than this API.",
        examples=[SessionStatus.ENDED],
    )
    startedAt: Time = Field(description="Time of the start request.", examples=[_STARTED])
    endedAt: Time | None = Field(description="Time of the end, after cleanup; null before.", examples=[_ENDED])
    endReason: EndReason | None = Field(
        description="Reason of the end; null before, and for a session that was terminated in Temporal.",
        examples=[EndReason.API_REQUEST],
    )
    durationSeconds: int | None = Field(
        description="Conversation time in seconds; null before the bill, and without one.",
        examples=[125],
    )
    durationMinutes: int | None = Field(description="Rounded up to minutes, for billing.", examples=[3])


class SessionResponse(SessionItem):
    """One session, as it is now."""

    agentState: AgentState | None = Field(
        description="State of its agent; null while no worker answers.", examples=[AgentState.STOPPED]
    )
    agentGeneration: int | None = Field(
        description="Number of agents so far, including the present one; null while no worker answers.",
        examples=[1],
    )


class SessionListResponse(_Answer):
    """Live sessions, then ended ones, each with the newest first."""

    sessions: list[SessionItem]
    nextPageToken: str | None = Field(
        description="Ask again with this `pageToken` for the next page; null on the last one.",
        examples=["q1w2e3r4t5y6eyJDbG9zZVRpbWUiOi..."],
    )


class TranscriptTurn(_Answer):
    """One turn of the conversation."""

    number: int = Field(description="Its position in the transcript, from 1.", examples=[1])
    role: Literal["caller", "agent"]
    text: str = Field(examples=["What is the capital of France?"], repr=False)
    at: Time = Field(description="Time of the turn.", examples=[_STARTED])
    interrupted: bool = Field(description="The caller interrupted it; the text ends there.", examples=[False])
    generation: int = Field(description="Number of the agent that reported it.", examples=[1])

    @classmethod
    def of(cls, turn: Turn, number: int) -> TranscriptTurn:
        """The turn, in the form of the session's events."""
        return cls.model_validate(wire_turn(turn, number))


class TranscriptResponse(_Answer):
    """All turns so far, in order."""

    sessionId: str = Field(examples=[EXAMPLE_ID])
    turns: list[TranscriptTurn]


def whole_number(value: object) -> object:
    """Validate a number in a URL: up to nine digits."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError("must be a whole number")
    return value


class _NeverNull:
    """Documents a query parameter that may be left out: its text is never null."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        (value,) = (option for option in described.pop("anyOf") if option != {"type": "null"})
        return {**value, **described}


T = TypeVar("T")
_Filter = Annotated[T | None, _NeverNull]


class SessionFilter(BaseModel):
    """Query parameters of a list, combined with AND. Unknown ones are refused, since they would not filter."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: _Filter[SessionStatus] = Field(None, description="Only sessions in this state.", examples=["active"])
    user: _Filter[UserName] = Field(None, description="Only sessions of this userName.", examples=["user123"])
    endReason: _Filter[EndReason] = Field(
        None, description="Only sessions that ended for this reason.", examples=["caller_left"]
    )
    startedAfter: _Filter[TimeInput] = Field(None, description="Started at this time or later.", examples=[_STARTED])
    startedBefore: _Filter[TimeInput] = Field(None, description="Started before this time.", examples=[_ENDED])
    pageSize: Annotated[int, Field(ge=1, le=100), BeforeValidator(whole_number)] = Field(
        50, description="Maximum number of sessions to return.", examples=[50]
    )
    pageToken: _Filter[Annotated[str, Field(min_length=1, max_length=4_096)]] = Field(
        None, description="`nextPageToken` of the page before, with the same filters.", examples=["q1w2e3r4t5y6..."]
    )

    @field_validator("startedBefore")
    @classmethod
    def _is_later(cls, before: datetime | None, others: ValidationInfo) -> datetime | None:
        after = others.data.get("startedAfter")
        if before is not None and after is not None and before <= after:
            raise ValueError("must be later than startedAfter")
        return before
