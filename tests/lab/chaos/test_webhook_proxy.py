"""The webhook proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from lab.chaos.call_plan import WebhookFault
from lab.chaos.webhook_proxy import WebhookProxy


@dataclass
class Api:
    """An API that keeps the body and the signature of every webhook."""

    port: int = 0
    taken: asyncio.Queue[tuple[str, str]] = field(default_factory=asyncio.Queue)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        body = (await reader.readexactly(length)).decode()
        self.taken.put_nowait((body, head.partition("authorization: ")[2].partition("\r\n")[0]))
        writer.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await writer.drain()
        writer.close()


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    made = Api()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()


@pytest.fixture
async def proxy(api: Api) -> AsyncIterator[WebhookProxy]:
    proxy = WebhookProxy(seed=1)
    proxy.api_port = api.port
    with proxy:
        yield proxy


async def post(proxy: WebhookProxy, body: str = "joined") -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{proxy.origin}/webhook/livekit", content=body, headers={"Authorization": "signed"})
    return answer.status_code


async def taken(api: Api) -> tuple[str, str]:
    return await asyncio.wait_for(api.taken.get(), 10)


async def test_webhooks_pass_without_a_fault(proxy: WebhookProxy, api: Api) -> None:
    assert await post(proxy) == 401  # the API's own answer
    assert await taken(api) == ("joined", "signed")


async def test_an_unreachable_api_answers_502_so_that_livekit_retries(proxy: WebhookProxy) -> None:
    proxy.api_port = 9
    assert await post(proxy) == 502


async def test_a_lost_webhook_never_arrives(proxy: WebhookProxy, api: Api) -> None:
    proxy.fault = WebhookFault.LOSE
    assert await post(proxy, "lost") == 200
    proxy.fault = None
    await post(proxy, "later")
    assert (await taken(api))[0] == "later"
    assert proxy.disturbed == 1


async def test_a_doubled_webhook_arrives_twice(proxy: WebhookProxy, api: Api) -> None:
    proxy.fault = WebhookFault.DOUBLE
    assert await post(proxy) == 200
    assert await taken(api) == await taken(api) == ("joined", "signed")


async def test_shuffled_webhooks_arrive_in_another_order(proxy: WebhookProxy, api: Api) -> None:
    proxy.fault = WebhookFault.SHUFFLE
    sent = [str(index) for index in range(8)]
    for body in sent:
        await post(proxy, body)
    arrived = [(await taken(api))[0] for _ in sent]
    assert sorted(arrived) == sent
    assert arrived != sent
