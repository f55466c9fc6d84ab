"""An HTTP client that calls an application in process."""

from __future__ import annotations

import httpx
from fastapi import FastAPI


def client_of(app: FastAPI, base_url: str = "http://localhost") -> httpx.AsyncClient:
    """A client of `app`. Unexpected errors are answered, as a server would."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=base_url)
