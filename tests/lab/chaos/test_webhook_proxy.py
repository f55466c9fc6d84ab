"""The webhook proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from lab.chaos.call_plan import WebhookFault
from lab.chaos.webhook_proxy import WebhookProxy
from tests.fakes.webhook_receiver import Receiver, receiving


@pytest.fixture
async def api() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


@pytest.fixture
async def proxy(api: Receiver) -> AsyncIterator[WebhookProxy]:
    proxy = WebhookProxy(seed=1)
    proxy.api_port = api.port
    with proxy:
        yield proxy


async def post(proxy: WebhookProxy, body: str = "joined") -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{proxy.origin}/webhook/livekit", content=body, headers={"Authorization": "signed"})
    return answer.status_code


async def taken(api: Receiver, count: int = 1) -> list[tuple[str, str]]:
    """Wait for `count` webhooks; returns their bodies and signatures."""
    await api.until(requests=count)
    return [(body, headers["authorization"]) for _, headers, body in api.requests]


async def test_webhooks_pass_without_a_fault(proxy: WebhookProxy, api: Receiver) -> None:
    api.always = 401
    assert await post(proxy) == 401  # the API's own answer
    assert await taken(api) == [("joined", "signed")]


async def test_an_unreachable_api_answers_502_so_that_livekit_retries(proxy: WebhookProxy) -> None:
    proxy.api_port = 9
    assert await post(proxy) == 502


async def test_a_lost_webhook_never_arrives(proxy: WebhookProxy, api: Receiver) -> None:
    proxy.fault = WebhookFault.LOSE
    assert await post(proxy, "lost") == 200
    proxy.fault = None
    await post(proxy, "later")
    assert await taken(api) == [("later", "signed")]
    assert proxy.disturbed == 1


async def test_a_doubled_webhook_arrives_twice(proxy: WebhookProxy, api: Receiver) -> None:
    proxy.fault = WebhookFault.DOUBLE
    assert await post(proxy) == 200
    assert await taken(api, 2) == [("joined", "signed")] * 2


async def test_shuffled_webhooks_arrive_in_another_order(proxy: WebhookProxy, api: Receiver) -> None:
    proxy.fault = WebhookFault.SHUFFLE
    sent = [str(index) for index in range(8)]
    for body in sent:
        await post(proxy, body)
    arrived = [body for body, _ in await taken(api, len(sent))]
    assert sorted(arrived) == sent
    assert arrived != sent
