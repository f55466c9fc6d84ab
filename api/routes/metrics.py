"""What Prometheus reads of the API."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse

from api.gateway.session_counts import live_by_state
from api.services import CountsDep, MetricsDep
from errors import TemporalUnavailable

router = APIRouter(tags=["service"])


@router.get("/metrics", summary="Metrics", response_class=PlainTextResponse)
async def metrics(measured: MetricsDep, counts: CountsDep) -> PlainTextResponse:
    """All that this process has measured, for Prometheus, and the live sessions, unless nobody can count them now."""
    try:
        measured.live_sessions(await live_by_state(counts))
    except TemporalUnavailable:  # `/health` says so
        measured.live_sessions(None)
    return PlainTextResponse(generate_latest(measured.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
