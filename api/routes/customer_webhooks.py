"""Customer webhooks, once more."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from api.schemas.json_body import body_schema, read_model
from api.schemas.query_params import path_schema, read_session_id
from api.schemas.session_commands import EXAMPLE_ID, RedeliverRequest, RedeliverResponse, errors
from api.services import RedeliveriesDep

router = APIRouter(prefix="/api/session", tags=["sessions"])


def _optional_body() -> dict[str, Any]:
    body = body_schema(RedeliverRequest)["requestBody"]
    return {"requestBody": {**body, "required": False}}


@router.post(
    "/{sessionId}/webhooks/redeliver",
    summary="Redeliver Webhooks",
    status_code=202,
    responses=errors(
        (400, "after: must be a whole number"),
        (404, f"Session {EXAMPLE_ID} not found"),
        (409, f"Session {EXAMPLE_ID} was started without a webhookUrl: nobody was told of it."),
        (413, "The request body is larger than 262144 bytes."),
        (503, "No worker could read the webhooks in time; ask again."),
    ),
    openapi_extra=path_schema() | _optional_body(),
)
async def redeliver_webhooks(request: Request, redeliveries: RedeliveriesDep) -> RedeliverResponse:
    """Deliver a session's webhooks again, at once and in order, live or ended. It needs no body.

    They keep their `webhook-id`s. At most 500 are taken at a time: go on with `after` the last of them.
    """
    session_id = read_session_id(request)
    wanted = await read_model(request, RedeliverRequest) if await request.body() else RedeliverRequest(after=0)
    return RedeliverResponse(sessionId=session_id, events=list(await redeliveries.redeliver(session_id, wanted.after)))
