"""Customer webhooks as their receivers see them, and what becomes of their answers."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError
from temporalio.exceptions import ApplicationError

from activities.webhook_sender import WebhookSender, retry_delay, signing_keys
from connections.pinned_http import PinnedClient
from contracts.customer_webhooks import WebhookEvent, WebhookRequest, WebhookType
from contracts.events import SessionEvent
from contracts.failures import WEBHOOK_GONE, WEBHOOK_NOT_TAKEN
from errors import SetupError
from settings import WebhookSettings
from tests.fakes.webhook_receiver import HANG, HANG_UP, SECRET, Receiver, receiving

SESSION = "session_1800000000_abcdef"
NEWER = "whsec_" + base64.b64encode(b"n" * 32).decode()


def event(**data: object) -> WebhookEvent:
    logged = SessionEvent(id=7, type="session.state", at="2026-11-23T21:52:37.123Z", sessionId=SESSION, data=data)
    return WebhookEvent(type=WebhookType.ACTIVE, event=logged)


def sender(targets: str, secrets: str = SECRET, client: PinnedClient | None = None) -> WebhookSender:
    return WebhookSender(WebhookSettings(allowed_targets=targets, signing_secrets=SecretStr(secrets)), client)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def deliver(receiver: Receiver, secrets: str = SECRET, client: PinnedClient | None = None) -> None:
    request = WebhookRequest(
        session_id=SESSION, url=f"{receiver.origin}/hook?token=s3cret", event=event(state="active", previous="wäiting")
    )
    await sender(receiver.origin, secrets, client).deliver(request)


async def test_a_webhook_has_the_form_of_the_spec(receiver: Receiver) -> None:
    await deliver(receiver)
    [(first, headers, body)] = receiver.requests
    assert first == "POST /hook?token=s3cret HTTP/1.1"
    assert headers["content-type"] == "application/json"
    assert headers["webhook-id"] == f"{SESSION}:7"
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 60
    assert Webhook(SECRET).verify(body, headers) == {
        "type": "session.active",
        "timestamp": "2026-11-23T21:52:37.123Z",
        "data": {
            "id": 7,
            "type": "session.state",
            "at": "2026-11-23T21:52:37.123Z",
            "sessionId": SESSION,
            "data": {"state": "active", "previous": "wäiting"},
        },
    }


async def test_each_secret_signs_so_that_receivers_can_rotate(receiver: Receiver) -> None:
    await deliver(receiver, f"{NEWER},{SECRET}")
    [(_, headers, body)] = receiver.requests
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (NEWER, SECRET):
        Webhook(secret).verify(body, headers)


@pytest.mark.parametrize("part", ["id", "timestamp", "body", "secret"])
async def test_an_altered_webhook_is_not_verified(receiver: Receiver, part: str) -> None:
    await deliver(receiver)
    [(_, headers, body)] = receiver.requests
    match part:
        case "body":
            body = json.dumps({**json.loads(body), "type": "session.ended"})
        case "id":
            headers["webhook-id"] += "1"
        case "timestamp":
            headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) + 1)
    with pytest.raises(WebhookVerificationError):
        Webhook(NEWER if part == "secret" else SECRET).verify(body, headers)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 404, 422, 429, 500, 502, 503, 599])
async def test_every_status_but_2xx_is_retried(receiver: Receiver, status: int) -> None:
    receiver.always = status
    with pytest.raises(ApplicationError) as failed:
        await deliver(receiver)
    assert (failed.value.type, failed.value.non_retryable) == (WEBHOOK_NOT_TAKEN, False)
    assert len(receiver.requests) == 1


async def test_410_is_final(receiver: Receiver) -> None:
    receiver.always = 410
    with pytest.raises(ApplicationError) as failed:
        await deliver(receiver)
    assert (failed.value.type, failed.value.non_retryable) == (WEBHOOK_GONE, True)


async def test_retry_after_is_respected(receiver: Receiver) -> None:
    receiver.always, receiver.headers = 503, "Retry-After: 120\r\n"
    with pytest.raises(ApplicationError) as failed:
        await deliver(receiver)
    assert failed.value.next_retry_delay == timedelta(minutes=2)


@pytest.mark.parametrize("failing", [HANG, HANG_UP, 500])
async def test_neither_log_nor_error_holds_the_url_or_a_secret(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, failing: int
) -> None:
    receiver.always = failing
    with caplog.at_level(logging.INFO), pytest.raises(ApplicationError) as failed:
        await deliver(receiver, client=PinnedClient(total_seconds=0.3))
    assert "was not taken" in caplog.text
    for secret in ("s3cret", "/hook", SECRET):
        assert secret not in caplog.text + str(failed.value)


async def test_a_target_that_is_no_longer_allowed_is_not_called(receiver: Receiver) -> None:
    request = WebhookRequest(session_id=SESSION, url=f"{receiver.origin}/hook", event=event())
    for targets in ("", "hooks.example.com"):
        with pytest.raises(ApplicationError, match="WEBHOOKS_ALLOWED_TARGETS"):
            await sender(targets).deliver(request)
    assert receiver.requests == []


async def test_hanging_receivers_take_a_bounded_share_of_the_worker(receiver: Receiver) -> None:
    receiver.always = HANG
    webhooks = sender(receiver.origin)
    request = WebhookRequest(session_id=SESSION, url=receiver.origin, event=event())
    async with asyncio.TaskGroup() as group:
        hanging = [group.create_task(webhooks.deliver(request)) for _ in range(40)]
        await receiver.until(requests=40)
        with pytest.raises(ApplicationError, match="as many webhooks") as refused:
            await webhooks.deliver(request)
        assert refused.value.next_retry_delay == timedelta(seconds=5)
        for task in hanging:
            task.cancel()
    receiver.always = 204
    await webhooks.deliver(request)


def test_targets_without_a_secret_are_an_error_that_says_what_to_do() -> None:
    with pytest.raises(SetupError, match="WEBHOOKS_SIGNING_SECRETS"):
        sender("hooks.example.com", "")
    sender("", "")


@pytest.mark.parametrize(
    "secret", ["whsec_", "whsec_" + "A" * 28, "whsec_" + "A" * 92, "A" * 32, "whsec_" + "A" * 31 + "!", "whsec_ü"]
)
def test_a_malformed_secret_is_refused_and_not_repeated(secret: str) -> None:
    with pytest.raises(SetupError, match="entry 2 is not") as refused:
        signing_keys(f"{SECRET},{secret}")
    assert "AAAA" not in str(refused.value)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [("1", 1), ("3600", 3600), ("86400", 3600), ("9" * 5000, 3600), ("0", None), ("", None), ("-5", None)],
    )
    def test_seconds(self, header: str, seconds: int | None) -> None:
        assert retry_delay(header) == (None if seconds is None else timedelta(seconds=seconds))

    def test_a_date(self) -> None:
        later = format_datetime(datetime.now(UTC) + timedelta(minutes=10), usegmt=True)
        delay = retry_delay(later)
        assert delay is not None
        assert timedelta(minutes=9) < delay <= timedelta(minutes=10)
        assert retry_delay("Mon, 01 Jan 2001 00:00:00 GMT") is None

    @given(st.text())
    def test_anything_else_asks_for_nothing(self, header: str) -> None:
        delay = retry_delay(header)
        assert delay is None or timedelta(0) < delay <= timedelta(hours=1)
