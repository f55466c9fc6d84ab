"""Between LiveKit and the API: webhooks that are lost, doubled, shuffled or late."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import Final

import httpx
from fastapi import FastAPI, Request, Response

from lab.chaos.plan import Trouble
from lab.chaos.threaded_server import ThreadedServer

LATE_SECONDS: Final = 5.0
SHUFFLED_WITHIN_SECONDS: Final = 2.0
_PASSED_ON = ("authorization", "content-type")


class WebhookProxy(ThreadedServer):
    """Listens in a thread of its own while it is entered; posts to the API on `api_port`, which may be set later."""

    def __init__(self, seed: int) -> None:
        super().__init__(self._app(), "webhook proxy")
        self.api_port = 0
        self.trouble: Trouble | None = None
        self.troubled = 0
        self._api = httpx.AsyncClient(timeout=10, trust_env=False)
        self._random = random.Random(seed)  # noqa: S311  it hides nothing: it repeats
        self._under_way: set[asyncio.Task[None]] = set()

    def _app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan(_: FastAPI):  # type: ignore[no-untyped-def]
            yield
            for task in tuple(self._under_way):
                task.cancel()
            await self._api.aclose()

        app = FastAPI(openapi_url=None, lifespan=lifespan)

        @app.post("/{path:path}")
        async def take(path: str, request: Request) -> Response:
            headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers}
            message = httpx.Request(
                "POST", f"http://127.0.0.1:{self.api_port}/{path}", content=await request.body(), headers=headers
            )
            if self.trouble is None:
                return Response(status_code=await self._deliver(message))
            self.troubled += 1
            for delay in self._delays(self.trouble):
                # LiveKit has its answer at once and does not try again: from here on it is our network.
                self._later(message, delay)
            return Response()

        return app

    def _delays(self, trouble: Trouble) -> list[float]:
        match trouble:
            case Trouble.LOSE:
                return []
            case Trouble.DOUBLE:
                return [0, self._random.uniform(0, SHUFFLED_WITHIN_SECONDS)]
            case Trouble.SHUFFLE:
                return [self._random.uniform(0, SHUFFLED_WITHIN_SECONDS)]
            case Trouble.DELAY:
                return [LATE_SECONDS]

    def _later(self, message: httpx.Request, delay: float) -> None:
        async def deliver() -> None:
            await asyncio.sleep(delay)
            await self._deliver(message)

        task = asyncio.create_task(deliver())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _deliver(self, message: httpx.Request) -> int:
        try:
            answer = await self._api.send(message)
        except httpx.TransportError:
            return 502  # LiveKit tries again
        return answer.status_code
