"""Reports which parts of the system work."""

from __future__ import annotations

from fastapi import APIRouter

from api.schemas.service_status import HealthResponse
from api.services import ServicesDep

router = APIRouter(tags=["service"])


@router.get("/health", summary="Health Check")
async def health(services: ServicesDep) -> HealthResponse:
    """Check every part in parallel, within a second. The status is always 200: read `status` and `down`.

    A result is reused for one second.
    """
    return await services.health.check()
