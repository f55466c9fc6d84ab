"""The REST client of the lab programs."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI, Response

from lab.chaos.threaded_server import ThreadedServer
from lab.rest_client import SessionClient

statuses: list[int] = []


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    """An API that answers ends with `statuses`, then with 200."""
    app = FastAPI()

    @app.post("/api/session/end")
    def end(response: Response) -> dict[str, dict[str, int]]:
        response.status_code = statuses.pop() if statuses else 200
        return {"details": {"durationSeconds": 3}}

    with ThreadedServer(app, "api") as server:
        yield server.origin


async def test_failures_are_counted_and_retried_at_the_next_address(api: str) -> None:
    statuses.append(503)
    async with SessionClient("http://127.0.0.1:9", api, retry_seconds=10) as client:
        assert await client.end("session_1") == {"durationSeconds": 3}
        assert client.failures == {"/api/session/end without an answer": 2, "/api/session/end 503": 1}


@pytest.mark.parametrize(("status", "retry_seconds"), [(503, 0), (404, 10)])
async def test_client_errors_are_not_retried(api: str, status: int, retry_seconds: float) -> None:
    statuses.append(status)
    async with SessionClient(api, retry_seconds=retry_seconds) as client:
        with pytest.raises(httpx.HTTPStatusError, match=str(status)):
            await client.end("session_1")
