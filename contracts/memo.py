"""A session's memo, written at its start: lists return it with each session without a further call."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from contracts.message import Message
from contracts.session import SessionRequest

MEMO_KEY = "session"


class SessionMemo(Message):
    """User name, voice, and the caller's own `metadata`. Encoded like every payload."""

    user_name: str
    voice_id: str
    metadata: dict[str, Any] = Field(default_factory=dict, repr=False)


def memo_at_start(request: SessionRequest, metadata: dict[str, Any]) -> dict[str, SessionMemo]:
    """The memo that a session starts with; it stays when the session continues as new."""
    return {MEMO_KEY: SessionMemo(user_name=request.user_name, voice_id=request.options.voice_id, metadata=metadata)}
