"""Connects to LiveKit's server API."""

from __future__ import annotations

import aiohttp
from livekit import api

from settings import LiveKitSettings

_TIMEOUT = aiohttp.ClientTimeout(total=3)


def livekit_api(livekit: LiveKitSettings) -> api.LiveKitAPI:
    """A client for LiveKit's server API with a short timeout: Temporal retries, not the client."""
    return api.LiveKitAPI(
        livekit.url,
        livekit.api_key,
        livekit.api_secret.get_secret_value(),
        timeout=_TIMEOUT,
    )
