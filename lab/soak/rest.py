"""REST as a careful client uses it: against several APIs in turn, again when one of them fails."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from livekit import api

from lab.caller.rest import SessionClient, Started
from settings import LiveKitSettings

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.3
_LONGEST_PAUSE_SECONDS = 3.0
_GIVE_UP_SECONDS = 90.0
_ARRIVES_SECONDS = 3.0
"""What a request may take to an API on a busy machine. An answer takes longer where a worker was killed."""
_TIMEOUT_SECONDS = 20.0


class Rest:
    """Starts, ends and webhooks. `refused` counts what was answered instead of 200, or that nothing was."""

    def __init__(self, addresses: Sequence[str], livekit: LiveKitSettings) -> None:
        self._addresses = addresses
        self._livekit = livekit
        self._open = AsyncExitStack()
        self.refused: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        clients = [SessionClient(address, timeout=_TIMEOUT_SECONDS) for address in self._addresses]
        self._sessions = itertools.cycle([await self._open.enter_async_context(client) for client in clients])
        https = [httpx.AsyncClient(base_url=address, trust_env=False) for address in self._addresses]
        self._webhooks = itertools.cycle([await self._open.enter_async_context(http) for http in https])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def start(self, user_name: str) -> Started:
        """A new session; whatever an earlier attempt began is not this client's any more."""
        return await self._until_answered("start", lambda: next(self._sessions).start(user_name))

    async def end(self, session_id: str) -> tuple[dict[str, Any], float]:
        """End a session: the details, and the Unix time by which the API had the request that was answered."""
        sent_at = 0.0

        async def send() -> dict[str, Any]:
            nonlocal sent_at
            sent_at = time.time()
            return await next(self._sessions).end(session_id)

        details = await self._until_answered("end", send)
        return details, min(time.time(), sent_at + _ARRIVES_SECONDS)

    async def webhook(self, event: dict[str, Any]) -> None:
        """Deliver one event as LiveKit does: signed over its body, again until it is taken."""
        body = json.dumps(event).encode()
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        key, secret = self._livekit.api_key, self._livekit.api_secret.get_secret_value()
        headers = {"Authorization": api.AccessToken(key, secret).with_sha256(digest).to_jwt()}

        async def send() -> None:
            answer = await next(self._webhooks).post("/webhook/livekit", content=body, headers=headers)
            answer.raise_for_status()

        await self._until_answered("webhook", send)

    async def _until_answered(self, what: str, send: Callable[[], Awaitable[T]]) -> T:
        """Only an answer of 200 counts. Raises the last failure when there is none for too long."""
        give_up_at = time.monotonic() + _GIVE_UP_SECONDS
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                return await send()
            except httpx.HTTPStatusError as error:
                self.refused[f"{what} {error.response.status_code}"] += 1
                if error.response.status_code < 500 or time.monotonic() > give_up_at:
                    raise
            except httpx.TransportError:
                self.refused[f"{what} without an answer"] += 1
                if time.monotonic() > give_up_at:
                    raise
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
