"""A TCP proxy on loopback that simulates a broken network: it cuts and refuses connections, or lets nothing pass."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self

_CHUNK = 65_536


class TcpProxy:
    """Forwards to `target_port`, which may be set later. Enter it to listen at `address`."""

    def __init__(self, target_port: int = 0) -> None:
        self.target_port = target_port
        self.address = ""
        self._server: asyncio.Server | None = None
        self._links: dict[asyncio.Task[None], tuple[asyncio.StreamWriter, ...]] = {}
        self._passes = asyncio.Event()
        self._passes.set()
        self._refuses = False

    @property
    def links(self) -> int:
        """The number of open connections."""
        return len(self._links)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._on_link, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server:
            self._server.close()
        self._drop_all()
        await asyncio.gather(*self._links, return_exceptions=True)

    def cut(self) -> None:
        """Reset every connection and each new one at once."""
        self._refuses = True
        self._drop_all()

    def swallow(self) -> None:
        """Hold all bytes back silently, like a network that drops packets."""
        self._passes.clear()

    def heal(self) -> None:
        """Work again; held bytes arrive now, in order, as after retransmission."""
        self._refuses = False
        self._passes.set()

    async def _on_link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  asyncio runs the callback in a task of its own
        self._links[task] = (writer,)
        try:
            if not self._refuses:
                await self._join(task, reader, writer)
        except OSError:
            pass  # the target is down: the client sees its connection closed
        finally:
            for side in self._links.pop(task):
                side.transport.abort()

    async def _join(self, task: asyncio.Task[None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        self._links[task] = (writer, target_writer)
        pipes = [
            asyncio.create_task(self._pipe(reader, target_writer)),
            asyncio.create_task(self._pipe(target_reader, writer)),
        ]
        try:
            await asyncio.wait(pipes, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pipe in pipes:
                pipe.cancel()
            await asyncio.gather(*pipes, return_exceptions=True)

    async def _pipe(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await source.read(_CHUNK):
                await self._passes.wait()
                sink.write(chunk)
                await sink.drain()

    def _drop_all(self) -> None:
        for sides in self._links.values():
            for side in sides:
                side.transport.abort()
