"""Size and time of request bodies. tests/api/test_bad_input.py has the limits of routes."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncIterator

import httpx
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

from api.middleware.body_limit import BodyLimit

_MOST = 50_000


async def echo_length(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


def client(seconds: float) -> httpx.AsyncClient:
    app = BodyLimit(echo_length, _MOST, {"/larger": 2 * _MOST}, seconds)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


async def test_a_body_that_does_not_end_is_answered_408() -> None:
    async def silent() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    async with client(0.05) as http:
        answer = await http.post("/", content=silent())
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")
    assert answer.json() == {"detail": "The request body did not arrive within 0.05 seconds."}


async def test_a_body_that_trickles_is_answered_408() -> None:
    """Each byte comes in time, the whole does not."""

    async def trickling() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    async with client(0.2) as http:
        assert (await http.post("/", content=trickling())).status_code == 408


async def test_a_slow_answer_is_no_slow_body() -> None:
    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.3)
        await echo_length(scope, receive, send)

    transport = httpx.ASGITransport(BodyLimit(slow, _MOST, {}, 0.1))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
        assert (await http.post("/", content=b"12345")).text == "5"


async def test_one_byte_chunks_cost_no_memory_each() -> None:
    count = _MOST
    peak = 0
    left = count

    async def receive() -> Message:
        nonlocal left
        left -= 1
        return {"type": "http.request", "body": b" ", "more_body": left > 0}

    async def send(_: Message) -> None: ...

    async def app(scope: Scope, receive: Receive, _: Send) -> None:
        nonlocal peak
        assert len(await Request(scope, receive).body()) == count
        peak = tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        await BodyLimit(app, _MOST, {})({"type": "http", "path": "/", "headers": [], "method": "POST"}, receive, send)
    finally:
        tracemalloc.stop()
    assert 0 < peak < 10 * count


async def test_a_client_that_leaves_reaches_no_route() -> None:
    sent: list[Message] = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    messages = iter(sent)

    async def receive() -> Message:
        return next(messages)

    async def app(_: Scope, __: Receive, ___: Send) -> None:
        raise AssertionError("the app was called")

    async def send(_: Message) -> None:
        raise AssertionError("an answer was sent")

    await BodyLimit(app, _MOST, {})({"type": "http", "path": "/", "headers": []}, receive, send)
