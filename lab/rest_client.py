"""The REST client of callers, chaos, soak and benchmarks: one API or several in turn, with retries where wanted."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
from livekit import api
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_exponential

from settings import LiveKitSettings


@dataclass(frozen=True)
class Started:
    """A started session's join token."""

    session_id: str
    server_url: str
    token: str = field(repr=False)


class SessionClient:
    """Calls the APIs at `addresses` in turn. An answer other than 200 raises `httpx.HTTPStatusError` with its detail.

    5xx and transport errors are retried for `retry_seconds`. `failures` counts failed attempts by path and status.
    """

    def __init__(self, *addresses: str, timeout: float = 15, retry_seconds: float = 0) -> None:
        self._clients = [httpx.AsyncClient(base_url=each, timeout=timeout, trust_env=False) for each in addresses]
        self._next_client = itertools.cycle(self._clients)
        self._retrying = AsyncRetrying(
            retry=retry_if_exception(_is_temporary),
            stop=stop_after_delay(retry_seconds),
            wait=wait_exponential(multiplier=0.3, max=3),
            reraise=True,
        )
        self.failures: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for client in self._clients:
            await client.aclose()

    async def start(self, user_name: str, **options: Any) -> Started:
        """Start a session; `options` are the other fields of the API's start, such as `voiceId`."""
        body = (await self._post("/api/session/start", json={"userName": user_name, **options})).json()
        return Started(body["sessionId"], body["serverUrl"], body["token"])

    async def end(self, session_id: str) -> dict[str, Any]:
        """End a session; returns the `details` of the answer, with the bill."""
        return (await self.timed_end(session_id))[0]

    async def timed_end(self, session_id: str) -> tuple[dict[str, Any], float]:
        """The same, and the Unix time at which the successful request was sent."""
        response = await self._post("/api/session/end", json={"sessionId": session_id})
        return response.json()["details"], time.time() - response.elapsed.total_seconds()

    async def webhook(self, event: dict[str, Any], livekit: LiveKitSettings) -> None:
        """Deliver one event as LiveKit does: signed over its body."""
        body = json.dumps(event).encode()
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        token = api.AccessToken(livekit.api_key, livekit.api_secret.get_secret_value()).with_sha256(digest)
        await self._post("/webhook/livekit", content=body, headers={"Authorization": token.to_jwt()})

    async def _post(self, path: str, **message: Any) -> httpx.Response:
        async def attempt() -> httpx.Response:
            try:
                response = await next(self._next_client).post(path, **message)
            except httpx.TransportError:
                self.failures[f"{path} without an answer"] += 1
                raise
            if response.status_code != httpx.codes.OK:
                self.failures[f"{path} {response.status_code}"] += 1
                text = f"POST {path}: {response.status_code} {response.text}"
                raise httpx.HTTPStatusError(text, request=response.request, response=response)
            return response

        return await self._retrying.copy()(attempt)


def _is_temporary(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.is_server_error
    return isinstance(error, httpx.TransportError)
