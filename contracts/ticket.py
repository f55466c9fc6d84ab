"""How a caller gets into the room."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from contracts.limits import RoomTimeouts
from contracts.payload import Payload

TOKEN_TTL_SECONDS: Final = 2 * 60 * 60


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
