"""Exposes the API's metrics to Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse

from api.gateway.session_counts import live_by_state
from api.services import ServicesDep
from errors import TemporalUnavailable

router = APIRouter(tags=["service"])


@router.get("/metrics", summary="Metrics", response_class=PlainTextResponse)
async def metrics(services: ServicesDep) -> PlainTextResponse:
    """Return the metrics of this process for Prometheus, and the live sessions unless Temporal is unreachable."""
    try:
        services.metrics.live_sessions(await live_by_state(services.counts))
    except TemporalUnavailable:  # `/health` reports it
        services.metrics.live_sessions(None)
    return PlainTextResponse(generate_latest(services.metrics.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
