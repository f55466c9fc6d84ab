"""`webhookUrl` at the start, and the route that delivers webhooks again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from api.app import create_app
from errors import NoWebhooks, SessionNotFound
from settings import Settings, WebhookSettings
from tests.fakes.asgi_client import client_of
from tests.fakes.redeliveries import FakeRedeliveries
from tests.fakes.session_reader import FakeSessionReader
from tests.fakes.sessions import FakeSessions

SESSION = "session_1800000000_abcdef"


@pytest.fixture
def redeliveries() -> FakeRedeliveries:
    return FakeRedeliveries()


@pytest.fixture
async def customer(
    settings: Settings, sessions: FakeSessions, reader: FakeSessionReader, redeliveries: FakeRedeliveries
) -> AsyncIterator[httpx.AsyncClient]:
    """An API that allows webhooks to hooks.example.com."""
    allowed = replace(settings, webhooks=WebhookSettings(allowed_targets="hooks.example.com"))
    app = create_app(allowed, sessions, reader, redeliveries=redeliveries)
    async with client_of(app) as client:
        yield client


async def start(client: httpx.AsyncClient, url: object) -> httpx.Response:
    return await client.post("/api/session/start", json={"userName": "ann", "webhookUrl": url})


async def test_a_session_has_its_webhook_url(customer: httpx.AsyncClient, sessions: FakeSessions) -> None:
    answer = await start(customer, " https://Hooks.example.com:443/call?token=s3cret ")
    assert answer.status_code == 200
    assert sessions.started[0].webhook_url == "https://hooks.example.com/call?token=s3cret"
    assert "s3cret" not in repr(sessions.started[0])


@pytest.mark.parametrize("nothing", [None, "", "  "])
async def test_no_webhook_url(customer: httpx.AsyncClient, sessions: FakeSessions, nothing: str | None) -> None:
    assert (await start(customer, nothing)).status_code == 200
    assert sessions.started[0].webhook_url == ""


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://evil.test/s3cret", "webhookUrl: its host and port are not in WEBHOOKS_ALLOWED_TARGETS"),
        ("http://hooks.example.com/", "webhookUrl: must be https: WEBHOOKS_ALLOWED_TARGETS does not name this http"),
        ("https://u:s3cret@hooks.example.com/", "webhookUrl: must not contain a user or a password"),
        ("x" * 3000, "webhookUrl: must have at most 2,048 characters"),
        (7, "webhookUrl: must be a string"),
    ],
)
async def test_a_forbidden_url_is_refused_without_repeating_it(
    customer: httpx.AsyncClient, sessions: FakeSessions, url: object, says: str
) -> None:
    answer = await start(customer, url)
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith(says)
    assert "s3cret" not in answer.text
    assert sessions.started == []


async def test_the_answer_names_the_setting_when_webhooks_are_off(
    http: httpx.AsyncClient, sessions: FakeSessions
) -> None:
    answer = await start(http, "https://hooks.example.com/")
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("webhookUrl: customer webhooks are off here: WEBHOOKS_ALLOWED_TARGETS")
    assert sessions.started == []


@pytest.mark.parametrize(("body", "after"), [(b"", 0), (b"{}", 0), (b'{"after": 2}', 2)])
async def test_webhooks_are_delivered_again(
    customer: httpx.AsyncClient, redeliveries: FakeRedeliveries, body: bytes, after: int
) -> None:
    answer = await customer.post(f"/api/session/{SESSION}/webhooks/redeliver", content=body)
    assert (answer.status_code, answer.json()) == (202, {"success": True, "sessionId": SESSION, "events": [3, 5]})
    assert redeliveries.asked == [(SESSION, after)]


@pytest.mark.parametrize(
    "body", [b'{"after": -1}', b'{"after": "1"}', b'{"after": 1.5}', b"[]", b"x", b'{"after":NaN}']
)
async def test_a_malformed_body_is_refused(
    customer: httpx.AsyncClient, redeliveries: FakeRedeliveries, body: bytes
) -> None:
    answer = await customer.post(f"/api/session/{SESSION}/webhooks/redeliver", content=body)
    assert answer.status_code == 400
    assert redeliveries.asked == []


@pytest.mark.parametrize(("failure", "status"), [(SessionNotFound("gone"), 404), (NoWebhooks("nobody"), 409)])
async def test_failures_of_redelivery(
    customer: httpx.AsyncClient, redeliveries: FakeRedeliveries, failure: Exception, status: int
) -> None:
    redeliveries.failure = failure
    answer = await customer.post(f"/api/session/{SESSION}/webhooks/redeliver")
    assert (answer.status_code, answer.json()["detail"]) == (status, str(failure))
