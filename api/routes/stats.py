"""What goes on right now, in numbers."""

from __future__ import annotations

from fastapi import APIRouter

from api.auth.access import CallerDep
from api.monitoring.stats import StatsResponse
from api.schemas.session_commands import errors
from api.services import StatsDep

router = APIRouter(tags=["service"])


@router.get("/stats", summary="Live Counts", responses=errors((503, "Temporal is unreachable.")))
async def stats(stats: StatsDep, caller: CallerDep) -> StatsResponse:
    """Count sessions that have not ended, and what is left for more. Temporal's counts are a moment behind."""
    return await stats.collect(caller.owner)
