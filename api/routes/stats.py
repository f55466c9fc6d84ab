"""Counts sessions, free places and workers."""

from __future__ import annotations

from fastapi import APIRouter

from api.monitoring.stats import StatsResponse
from api.schemas.error_answers import errors
from api.services import CallerDep, ServicesDep

router = APIRouter(tags=["service"])


@router.get("/stats", summary="Live Counts", responses=errors((503, "Temporal is unreachable.")))
async def stats(services: ServicesDep, caller: CallerDep) -> StatsResponse:
    """Count live sessions and free places. Temporal's counts lag by a moment."""
    return await services.stats.collect(caller.owner)
