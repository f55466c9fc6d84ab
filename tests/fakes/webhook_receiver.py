"""A customer's server on loopback: it takes webhooks over real HTTP, and misbehaves as a test tells it to."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from standardwebhooks import Webhook

SECRET: Final = "whsec_" + "A" * 32
HANG: Final = -1
HANG_UP: Final = -2


@dataclass
class Receiver:
    """The requests, in order. `answers` are the next ones: statuses, or how to fail; then 204 for ever."""

    port: int = 0
    answers: deque[int] = field(default_factory=deque)
    always: int = 204
    headers: str = ""
    requests: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    news: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def numbers(self) -> list[int]:
        """The numbers of the events that were taken, repeated ones as often as they came."""
        return [int(name.rpartition(":")[2]) for name in self.taken]

    def bodies(self) -> list[Any]:
        """Every request that came, verified as a customer does it."""
        return [Webhook(SECRET).verify(body, headers) for _, headers, body in self.requests]

    async def until(self, requests: int = 0, taken: int = 0) -> None:
        """Wait until so many requests came, and so many were answered with 2xx."""
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(lambda: len(self.requests) >= requests and len(self.taken) >= taken)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = (await reader.readexactly(int(headers["content-length"]))).decode()
            status = self.answers.popleft() if self.answers else self.always
            async with self.news:
                self.requests.append((first, headers, body))
                if 200 <= status <= 299:
                    self.taken.append(headers.get("webhook-id", ""))
                self.news.notify_all()
            if status == HANG:
                await reader.read()  # until the other side has enough
            elif status != HANG_UP:
                writer.write(f"HTTP/1.1 {status} So\r\n{self.headers}Content-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None, at: socket.socket | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens, at a socket of its own unless told."""
    receiver = Receiver()
    if at is None:
        server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    else:
        server = await asyncio.start_server(receiver.serve, sock=at, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
