"""Streams a session's events as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from starlette.responses import Response

from api.event_stream.follower import frame
from api.event_stream.hub import Watch
from api.schemas.error_answers import errors
from api.schemas.session_commands import EXAMPLE_ID, SessionIdPath
from api.schemas.session_queries import whole_number
from api.schemas.strict_route import given_once
from api.services import ServicesDep
from contracts.events import SessionEvent
from errors import InvalidInput

router = APIRouter(prefix="/api/session", tags=["sessions"])

_HEADER = "Last-Event-ID"
_BAD_HEADER = f"{_HEADER}: must be the number of the last event that was received, such as 12"


class _Place(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after: Annotated[int, BeforeValidator(whole_number)] = Field(
        0,
        description=f"Only events after this number; for clients that cannot set `{_HEADER}`, which comes first.",
        examples=[12],
    )


_LastEventId = Annotated[
    str | None,
    Header(
        alias=_HEADER,
        description="The number of the last event that was received. Browsers send it when they reconnect.",
        examples=["12"],
    ),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{0,9}$"}),
]
"""For the OpenAPI document; `_last_event_id` reads it, and refuses a repeated one."""


def _last_event_id(request: Request) -> int | None:
    # EventSource polyfills send an empty one before their first event.
    given = [each for each in request.headers.getlist(_HEADER) if each]
    if not given:
        return None
    try:
        (text,) = given
        return int(str(whole_number(text)))
    except ValueError:
        raise InvalidInput(_BAD_HEADER) from None


async def _watch(
    request: Request,
    session_id: SessionIdPath,
    place: Annotated[_Place, Query()],
    services: ServicesDep,
    _header: _LastEventId = None,
) -> AsyncIterator[Watch]:
    """Watch until the response is complete or the client disconnects.

    A browser that reconnects keeps its URL, so the header takes precedence over `after`.
    """
    last_event_id = _last_event_id(request)
    after = place.after if last_event_id is None else last_event_id
    async with services.followers.watch(session_id, after, is_reconnect=last_event_id is not None) as watch:
        yield watch


_EXAMPLE = SessionEvent(
    id=7,
    type="agent.state",
    at="2026-11-23T21:52:37.123Z",
    sessionId=EXAMPLE_ID,
    data={"state": "lost", "generation": 1, "reason": "its job process ended"},
)


@router.get(
    "/{sessionId}/events",
    summary="Follow Session",
    response_class=Response,  # without a media type, so that FastAPI documents the errors as JSON
    responses={
        200: {
            "description": "Server-sent events; the data of each is a JSON object.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": frame(_EXAMPLE).decode()}},
        },
        204: {"description": "The session has ended and nothing follows: do not reconnect."},
        **errors(
            (400, _BAD_HEADER),
            (404, f"Session {EXAMPLE_ID} not found"),
            (503, "No worker could read the events in time; ask again."),
        ),
    },
    dependencies=[Depends(given_once)],
)
async def follow_session(watch: Annotated[Watch, Depends(_watch)]) -> Response:
    """Stream a session's events, past and future: session states, agents, caller, turns, bill.

    Events are numbered from 1 without gaps. The stream of an ended session closes after its last event; after a broken
    connection, ask again with the last number in `Last-Event-ID`.
    """
    if watch.has_all:
        return Response(status_code=204)
    # Neither cached nor buffered by proxies (nginx).
    return EventSourceResponse(watch.frames(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
