"""Describes the service."""

from __future__ import annotations

from fastapi import APIRouter

from api.schemas.service_status import RootResponse

router = APIRouter(tags=["service"])


@router.get("/", summary="API information")
async def root() -> RootResponse:
    """Return the name, version and features of this service."""
    return RootResponse()
