"""The TCP proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial

import pytest

from lab.chaos.tcp_proxy import TcpProxy


@pytest.fixture
async def proxy() -> AsyncIterator[TcpProxy]:
    """A proxy in front of an echo server."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with TcpProxy(server.sockets[0].getsockname()[1]) as made:
        yield made
    server.close()


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def of(cls, proxy: TcpProxy) -> Client:
        host, port = proxy.address.split(":")
        return cls(*await asyncio.open_connection(host, int(port)))

    async def ask(self, text: str) -> str:
        self.writer.write(f"{text}\n".encode())
        return await self.answer()

    async def answer(self) -> str:
        async with asyncio.timeout(5):
            return (await self.reader.readline()).decode().strip()


# A cut connection raises or reads as closed; the kernel decides.
is_cut = partial(suppress, ConnectionError)


async def test_bytes_pass_both_ways(proxy: TcpProxy) -> None:
    client = await Client.of(proxy)
    assert await client.ask("one") == "one"
    assert await client.ask("two") == "two"
    assert proxy.links == 1


async def test_cut_closes_connections_and_refuses_new_ones(proxy: TcpProxy) -> None:
    client = await Client.of(proxy)
    assert await client.ask("one") == "one"
    proxy.cut()
    with is_cut():
        assert await client.answer() == ""
    with is_cut():
        assert await (await Client.of(proxy)).ask("two") == ""
    proxy.heal()
    assert await (await Client.of(proxy)).ask("three") == "three"


async def test_swallowed_bytes_arrive_in_order_after_heal(proxy: TcpProxy) -> None:
    client = await Client.of(proxy)
    assert await client.ask("one") == "one"
    proxy.swallow()
    client.writer.write(b"two\nthree\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.reader.readline(), 0.3)
    proxy.heal()
    assert [await client.answer(), await client.answer()] == ["two", "three"]


async def test_an_unreachable_target_closes_the_connection(proxy: TcpProxy) -> None:
    proxy.target_port = 9  # no listener there
    with is_cut():
        assert await (await Client.of(proxy)).ask("one") == ""
    assert proxy.links == 0
