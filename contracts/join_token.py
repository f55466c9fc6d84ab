"""Join tokens: server URL and LiveKit token, with which a caller enters the room."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from contracts.limits import RoomTimeouts
from contracts.message import Message

TOKEN_TTL_SECONDS: Final = 2 * 60 * 60


class JoinTokenRequest(Message):
    """Input of the `issue_join_token` local activity. Without `timeouts` the room is there already."""

    session_id: str
    identity: str
    timeouts: RoomTimeouts | None


class ValidJoinTokenRequest(Message):
    """Input of the `valid_join_token` update. A `fingerprint` must be the one that the session was started with."""

    fingerprint: str = ""


class JoinToken(Message):
    """Everything that a caller needs to join: result of both updates. `token` is a credential: never log it."""

    session_id: str
    room_name: str
    identity: str
    token: str = Field(repr=False)
    server_url: str
