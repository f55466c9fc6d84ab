"""Redelivers customer webhooks."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from api.schemas.error_answers import errors
from api.schemas.session_commands import EXAMPLE_ID, RedeliverRequest, RedeliverResponse, SessionIdPath
from api.schemas.strict_route import StrictRoute
from api.services import ServicesDep

router = APIRouter(prefix="/api/session", tags=["sessions"], route_class=StrictRoute)

_ALL = RedeliverRequest(after=0)


@router.post(
    "/{sessionId}/webhooks/redeliver",
    summary="Redeliver Webhooks",
    status_code=202,
    responses=errors(
        (400, "after: must be a whole number"),
        (404, f"Session {EXAMPLE_ID} not found"),
        (409, f"Session {EXAMPLE_ID} has no webhookUrl, so it has no webhooks to deliver again."),
        (413, "The request body is larger than 262144 bytes."),
        (503, "No worker could read the webhooks in time; ask again."),
    ),
)
async def redeliver_webhooks(
    session_id: SessionIdPath, services: ServicesDep, body: Annotated[RedeliverRequest, Body()] = _ALL
) -> RedeliverResponse:
    """Deliver a session's webhooks again, at once and in order, live or ended. The body is optional.

    They keep their `webhook-id`s. One request redelivers at most 500: continue with `after` set to the last number.
    """
    events = await services.redeliveries.redeliver(session_id, body.after)
    return RedeliverResponse(sessionId=session_id, events=list(events))
