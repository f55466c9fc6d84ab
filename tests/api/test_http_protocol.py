"""Bounds of request heads, over real connections."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from api import http_protocol
from api.http_protocol import MAX_HEAD_BYTES, MAX_HEADERS, BoundedHttp
from api.middleware.body_limit import BodyLimit

_GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
_PATIENCE_SECONDS = 10.0


async def echo_length(scope: Scope, receive: Receive, send: Send) -> None:
    """`/slow` takes half a second."""
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    length = len(await Request(scope, receive).body())
    await PlainTextResponse(f"length {length}")(scope, receive, send)


_limited = BodyLimit(echo_length, 100_000, {}, seconds=0.3)


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """`/early` answers before it has a body, as a refusing middleware does."""
    if scope["path"] == "/early":
        await PlainTextResponse("early", 403)(scope, receive, send)
    else:
        await _limited(scope, receive, send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """A server that keeps idle connections for one second."""
    config = uvicorn.Config(
        app,
        port=0,
        http=BoundedHttp,
        log_config=None,
        lifespan="off",
        timeout_keep_alive=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server._serve())  # without its signal handlers
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    async with asyncio.timeout(_PATIENCE_SECONDS):
        await serving


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads have 0.2 s."""
    monkeypatch.setattr(http_protocol, "HEAD_SECONDS", 0.2)


async def answers_to(port: int, *pieces: bytes, pause: float = 0.0) -> bytes:
    """All that the server sends until it closes the connection."""
    async with asyncio.timeout(_PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        answers = bytearray()

        async def send() -> None:
            with suppress(ConnectionError):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause)

        sending = asyncio.create_task(send())
        with suppress(ConnectionError):
            while part := await reader.read(65_536):
                answers += part
        sending.cancel()
        writer.close()
        return bytes(answers)


async def test_usual_requests_share_a_connection(port: int) -> None:
    post = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc"
    chunked = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 20_000
    sent = (_GET + b"\r\n", post, chunked, b"0\r\n\r\n", _GET + b"\r\n" + post)
    answers = await answers_to(port, *sent, pause=0.05)
    assert re.findall(rb"length (\d+)", answers) == [b"0", b"3", b"20000", b"0", b"3"]


async def test_a_head_without_end_is_refused(port: int) -> None:
    for filler in (b"a: b\r\n", b"x" * 1_000, b"name: " + b"y" * 10_000 + b"\r\n"):
        pieces = (filler * (8_192 // len(filler) + 1) for _ in range(100))
        answer = await answers_to(port, _GET, *pieces)
        assert answer.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")) or not answer  # reset while it was sending


async def test_a_head_of_one_large_header_is_answered_431(port: int) -> None:
    answer = await answers_to(port, _GET + b"a: ", b"x" * (MAX_HEAD_BYTES + 1))
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert answer.endswith(b'{"detail": "The request head is larger than 65536 bytes."}')


async def test_too_many_headers_are_answered_400(port: int) -> None:
    most = b"".join(b"a%d: b\r\n" % number for number in range(MAX_HEADERS - 1))
    assert (await answers_to(port, _GET + most + b"\r\n")).startswith(b"HTTP/1.1 200 ")
    assert (await answers_to(port, _GET + most + b"z: b\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_trailers_and_chunk_extensions_are_bounded(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "MAX_FRAMING_BYTES", 100_000)
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    for framing in (b"0\r\na: " + b"x" * 200_000, b"1;" + b"x" * 200_000):
        answer = await answers_to(port, head, framing)
        assert b"200 OK" not in answer


@pytest.mark.usefixtures("hurried")
async def test_a_head_that_does_not_end_is_answered_408(port: int) -> None:
    answer = await answers_to(port, _GET)
    assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert answer.endswith(b'{"detail": "The request head did not arrive within 0.2 seconds."}')


@pytest.mark.usefixtures("hurried")
async def test_a_head_that_trickles_is_answered_408(port: int) -> None:
    """Also on a connection that has been used."""
    for before in (b"", _GET + b"\r\n"):
        answer = await answers_to(port, before + b"GET", *(b" " for _ in range(20)), pause=0.05)
        assert b"HTTP/1.1 408 " in answer
        assert answer.count(b"200 OK") == (1 if before else 0)


@pytest.mark.usefixtures("hurried")
async def test_a_head_behind_a_slow_request_does_not_cut_its_answer(port: int) -> None:
    answer = await answers_to(port, b"GET /slow HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /", pause=0.05)
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"length 0HTTP/1.1 408 " in answer


async def test_a_silent_connection_is_closed_as_an_idle_one(port: int) -> None:
    started = asyncio.get_running_loop().time()
    assert await answers_to(port) == b""
    assert 0.8 < asyncio.get_running_loop().time() - started < 5


async def test_a_body_that_does_not_end_is_answered_408(port: int) -> None:
    answer = await answers_to(port, b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\na")
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_an_answer_before_the_end_of_a_body_closes_the_connection(port: int) -> None:
    head = b"POST /early HTTP/1.1\r\nHost: localhost\r\nContent-Length: 200000\r\n\r\n"
    started = asyncio.get_running_loop().time()
    answer = await answers_to(port, head, *(b"a" for _ in range(100)), pause=0.02)
    assert answer.startswith(b"HTTP/1.1 403 ")
    assert asyncio.get_running_loop().time() - started < 1
