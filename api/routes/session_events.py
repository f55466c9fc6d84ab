"""What happens in a session, as it happens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.responses import Response

from api.errors import InvalidInput
from api.event_stream.follower import frame
from api.event_stream.hub import Watch
from api.schemas.query_params import path_schema, query_schema, read_query, read_session_id
from api.schemas.session_commands import EXAMPLE_ID, errors
from api.schemas.session_queries import whole_number
from api.services import FollowersDep
from contracts.events import SessionEvent

router = APIRouter(prefix="/api/session", tags=["sessions"])

_HEADER = "Last-Event-ID"


class _Place(BaseModel):
    model_config = ConfigDict(extra="forbid")

    after: Annotated[int, BeforeValidator(whole_number)] = Field(
        0,
        description=f"Only events after this number; for clients that cannot set `{_HEADER}`, which comes first.",
        examples=[12],
    )


def _place(request: Request) -> tuple[int, bool]:
    """Where the client is, and whether it comes back: a browser then keeps its URL, and the header has its place."""
    place = read_query(request, _Place).after
    named = request.headers.getlist(_HEADER)
    if not named:
        return place, False
    try:
        (text,) = named
        return int(str(whole_number(text))), True
    except ValueError:
        raise InvalidInput(f"{_HEADER}: must be the number of the last event that was received, such as 12") from None


async def _watch(request: Request, followers: FollowersDep) -> AsyncIterator[Watch]:
    """Left when the answer is complete, or its client gone."""
    session_id = read_session_id(request)
    after, comes_back = _place(request)
    async with followers.watch(session_id, after, comes_back=comes_back) as watch:
        yield watch


_EXAMPLE = SessionEvent(
    id=7,
    type="agent.state",
    at="2026-11-23T21:52:37.123Z",
    sessionId=EXAMPLE_ID,
    data={"state": "lost", "generation": 1, "reason": "its job process ended"},
)
_PARAMETERS: list[dict[str, Any]] = [
    *path_schema()["parameters"],
    *query_schema(_Place)["parameters"],
    {
        "name": _HEADER,
        "in": "header",
        "required": False,
        "description": "The number of the last event that was received. Browsers send it when they come back.",
        "example": "12",
        "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
    },
]


@router.get(
    "/{sessionId}/events",
    summary="Follow Session",
    response_class=Response,  # of no media type, so that those of the errors are JSON's
    responses={
        200: {
            "description": "Server-sent events; the data of each is a JSON object.",
            "content": {"text/event-stream": {"schema": {"type": "string"}, "example": frame(_EXAMPLE).decode()}},
        },
        204: {"description": "The session is over and nothing follows: do not come back."},
        **errors(
            (400, f"{_HEADER}: must be the number of the last event that was received, such as 12"),
            (404, f"Session {EXAMPLE_ID} not found"),
            (503, "No worker could read the events in time; ask again."),
        ),
    },
    openapi_extra={"parameters": _PARAMETERS},
)
async def follow_session(watch: Annotated[Watch, Depends(_watch)]) -> Response:
    """Tell what happened in a session and what happens: its states, its agents, its caller, what is said, its bill.

    Events are numbered from 1 without gaps. The stream of a session that has ended closes after its last event; after
    one that breaks off, ask again with the number in `Last-Event-ID`.
    """
    if watch.has_all:
        return Response(status_code=204)
    # Not cached on the way, nor held back until there is more of it (nginx).
    return EventSourceResponse(watch.frames(), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
