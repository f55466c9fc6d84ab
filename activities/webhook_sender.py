"""Signs and sends one customer webhook, by the Standard Webhooks spec."""

from __future__ import annotations

import base64
import json
import logging
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from standardwebhooks import Webhook
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from connections.pinned_http import Answer, NotSent, PinnedClient
from connections.webhook_targets import SETTING, AllowedTargets
from contracts.customer_webhooks import WebhookRequest
from contracts.failures import WEBHOOK_GONE, WEBHOOK_NOT_TAKEN
from errors import SetupError, WebhookTargetRefused
from settings import WebhookSettings

_AT_ONCE: Final = 40
"""Of a worker's hundred activity slots: receivers that hang must not keep agents from being launched."""
_FULL_FOR: Final = timedelta(seconds=5)
_LONGEST_WAIT: Final = timedelta(hours=1)
_SECRETS: Final = "WEBHOOKS_SIGNING_SECRETS"

_log = logging.getLogger(__name__)


class WebhookSender:
    """Delivers webhooks for workflows. Raises `SetupError` for settings that cannot work."""

    def __init__(self, settings: WebhookSettings, client: PinnedClient | None = None) -> None:
        self._targets = AllowedTargets(settings.allowed_targets)
        self._keys = signing_keys(settings.signing_secrets.get_secret_value())
        if self._targets and not self._keys:
            raise SetupError(
                f"{SETTING} is set without {_SECRETS}: receivers could not verify our webhooks. "
                "Set it to whsec_ and 32 random bytes in base64; docs/CONFIGURATION.md has a command that makes one."
            )
        self._client = client or PinnedClient()
        self._under_way = 0

    async def deliver(self, request: WebhookRequest) -> None:
        """Try once. Returns for 2xx; everything else raises as the interface says, `Retry-After` included."""
        if self._under_way >= _AT_ONCE:
            raise _not_taken("this worker has as many webhooks under way as it may", _FULL_FOR)
        self._under_way += 1
        try:
            answer = await self._send(request)
        except (WebhookTargetRefused, NotSent) as error:
            raise self._untaken(request, str(error)) from None
        finally:
            self._under_way -= 1
        if answer.status == 410:
            raise ApplicationError("the receiver wants no more webhooks: 410", type=WEBHOOK_GONE, non_retryable=True)
        if not 200 <= answer.status <= 299:
            raise self._untaken(request, f"the receiver answered {answer.status}", retry_delay(answer.retry_after))

    async def _send(self, request: WebhookRequest) -> Answer:
        event, now = request.event, datetime.now(UTC)
        target = self._targets.check(request.url)
        body = json.dumps(
            {"type": event.type, "timestamp": event.event.at, "data": event.event.model_dump(mode="json")},
            ensure_ascii=False,
            separators=(",", ":"),
        )
        webhook_id = f"{request.session_id}:{event.number}"
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "voice-assistant-orchestrator",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(key.sign(webhook_id, now, body) for key in self._keys),
        }
        return await self._client.post(target, headers, body.encode())

    def _untaken(self, request: WebhookRequest, why: str, delay: timedelta | None = None) -> ApplicationError:
        _log.warning("webhook %d of %s was not taken: %s", request.event.number, request.session_id, why)
        return _not_taken(why, delay)


def _not_taken(why: str, delay: timedelta | None) -> ApplicationError:
    # Benign: a receiver that is down is no failure of ours, and no traceback in our log.
    return ApplicationError(
        why, type=WEBHOOK_NOT_TAKEN, next_retry_delay=delay, category=ApplicationErrorCategory.BENIGN
    )


def signing_keys(secrets: str) -> tuple[Webhook, ...]:
    """The keys of `whsec_...,whsec_...`. Raises `SetupError` for one that is none; a secret is never repeated."""
    return tuple(_key(place, text.strip()) for place, text in enumerate(secrets.split(","), 1) if text.strip())


def _key(place: int, secret: str) -> Webhook:
    try:
        # The library takes any text for base64, and so would sign with other bytes than the receiver's.
        raw = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except ValueError:  # binascii.Error among them
        raw = b""
    if not secret.startswith("whsec_") or not 24 <= len(raw) <= 64:
        raise SetupError(f"{_SECRETS}: entry {place} is not whsec_ and 24 to 64 bytes in base64.")
    return Webhook(raw)


def retry_delay(header: str) -> timedelta | None:
    """The delay of a `Retry-After`, in seconds or as a date, at most an hour; None if it asks for none."""
    try:
        seconds = float(header) if header.isdecimal() else _until(parsedate_to_datetime(header))
    except (TypeError, ValueError, OverflowError):
        return None
    return timedelta(seconds=min(seconds, _LONGEST_WAIT.total_seconds())) if seconds > 0 else None


def _until(moment: datetime) -> float:
    return (moment - datetime.now(UTC)).total_seconds()
