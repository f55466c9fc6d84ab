"""The reference's own webhook form: `X-LiveKit-Signature`, a participant's `id` for its `sid`, and no `createdAt`."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from settings import LiveKitSettings


def is_signed(settings: LiveKitSettings, body: bytes, signature: str) -> bool:
    """True if `signature` is the hex HMAC-SHA256 of the body and the setting allows this form."""
    key = settings.legacy_webhook_key
    if not settings.webhook_legacy_signature or not key:
        return False
    expected = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())


def participant_sid(participant: dict[str, Any]) -> object:
    """The participant's SID, which this form calls `id`."""
    return participant.get("id")


def is_replayable(created_at_ms: int | None, joined_at_ms: int | None) -> bool:
    """True for a join without any time. Dated by its receipt, a replay would bring back a caller who left.

    A replayed leave or end does no harm: a connection leaves once, its earliest leave stands, and the room is checked
    before a leave ends the session. `room_finished` is not checked, but then the session has already ended.
    """
    return created_at_ms is None and joined_at_ms is None
