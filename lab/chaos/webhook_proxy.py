"""A proxy between LiveKit and the API that can lose, double, shuffle or delay webhooks."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import Final

import httpx
from fastapi import FastAPI, Request, Response

from lab import planner
from lab.chaos.call_plan import WebhookFault
from lab.chaos.threaded_server import ThreadedServer

LATE_SECONDS: Final = 5.0
SHUFFLED_WITHIN_SECONDS: Final = 2.0
_PASSED_ON = ("authorization", "content-type")


class WebhookProxy(ThreadedServer):
    """Use as a context manager; posts to the API on `api_port`, which may be set later. `fault` disturbs what comes."""

    def __init__(self, seed: int) -> None:
        super().__init__(self._app(), "webhook proxy")
        self.api_port = 0
        self.fault: WebhookFault | None = None
        self.disturbed = 0
        self._api = httpx.AsyncClient(timeout=10, trust_env=False)
        self._random = planner.seeded(seed)
        self._deliveries: set[asyncio.Task[None]] = set()

    def _app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI):  # type: ignore[no-untyped-def]
            yield
            for task in tuple(self._deliveries):
                task.cancel()
            await self._api.aclose()

        app = FastAPI(openapi_url=None, lifespan=lifespan)

        @app.post("/{path:path}")
        async def take(path: str, request: Request) -> Response:
            headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
            message = httpx.Request(
                "POST", f"http://127.0.0.1:{self.api_port}/{path}", content=await request.body(), headers=headers
            )
            if self.fault is None:
                return Response(status_code=await self._deliver(message))
            self.disturbed += 1
            for delay in self._delays(self.fault):
                # LiveKit gets its answer at once, so it does not retry.
                self._later(message, delay)
            return Response()

        return app

    def _delays(self, fault: WebhookFault) -> list[float]:
        match fault:
            case WebhookFault.LOSE:
                return []
            case WebhookFault.DOUBLE:
                return [0, self._random.uniform(0, SHUFFLED_WITHIN_SECONDS)]
            case WebhookFault.SHUFFLE:
                return [self._random.uniform(0, SHUFFLED_WITHIN_SECONDS)]
            case WebhookFault.DELAY:
                return [LATE_SECONDS]

    def _later(self, message: httpx.Request, delay: float) -> None:
        async def deliver() -> None:
            await asyncio.sleep(delay)
            await self._deliver(message)

        task = asyncio.create_task(deliver())
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)

    async def _deliver(self, message: httpx.Request) -> int:
        try:
            answer = await self._api.send(message)
        except httpx.TransportError:
            return 502  # LiveKit retries
        return answer.status_code
