"""Whether everything works."""

from __future__ import annotations

from fastapi import APIRouter

from api.schemas.session_commands import HealthResponse
from api.services import HealthDep

router = APIRouter(tags=["service"])


@router.get("/health", summary="Health Check")
async def health(health: HealthDep) -> HealthResponse:
    """Ask every part, in parallel, and answer within a second. Always 200: `status` and `down` tell.

    An answer serves all who ask within the next second.
    """
    return await health.check()
