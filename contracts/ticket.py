"""How a caller gets into the room."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from contracts.limits import RoomTimeouts
from contracts.payload import Payload

TOKEN_TTL_SECONDS: Final = 2 * 60 * 60


class TicketRequest(Payload):
    """Input of the `issue_ticket` local activity. Without `timeouts` the room is there already."""

    session_id: str
    identity: str
    timeouts: RoomTimeouts | None


class ValidTicketRequest(Payload):
    """Input of the `valid_ticket` update. With a `fingerprint` the session must have been started with the same one."""

    fingerprint: str = ""


class Ticket(Payload):
    """What a caller needs to join: result of the `ticket` updates. `token` is a credential: never log it."""

    session_id: str
    room_name: str
    identity: str
    token: str = Field(repr=False)
    server_url: str
