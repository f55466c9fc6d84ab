"""The REST side of a caller: start a session, end it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx


@dataclass(frozen=True)
class Started:
    """A started session's join token."""

    session_id: str
    server_url: str
    token: str = field(repr=False)


class SessionClient:
    """Talks to the API at `base_url`. Every answer that is not 200 raises `httpx.HTTPStatusError` with its detail."""

    def __init__(self, base_url: str, *, timeout: float = 15) -> None:
        self._http = httpx.AsyncClient(base_url=base_url, timeout=timeout, trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def start(self, user_name: str, **options: Any) -> Started:
        """Start a session; `options` are the other fields of the API's start, such as `voiceId`."""
        body = await self._post("/api/session/start", {"userName": user_name, **options})
        return Started(body["sessionId"], body["serverUrl"], body["token"])

    async def end(self, session_id: str) -> dict[str, Any]:
        """End a session; the `details` of the answer, with the bill."""
        body = await self._post("/api/session/end", {"sessionId": session_id})
        details: dict[str, Any] = body["details"]
        return details

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        response = await self._http.post(path, json=body)
        if response.status_code != httpx.codes.OK:
            text = f"POST {path}: {response.status_code} {response.text}"
            raise httpx.HTTPStatusError(text, request=response.request, response=response)
        answer: dict[str, Any] = response.json()
        return answer
