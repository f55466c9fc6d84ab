"""Verifies webhook signatures over the raw bytes, before anything is parsed."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import jwt
from google.protobuf.json_format import ParseError
from livekit.api import TokenVerifier

from api.livekit_webhook.legacy import is_signed
from errors import WebhookRejected
from settings import LiveKitSettings

_REJECTION = "Invalid webhook signature"


def check_signature(settings: LiveKitSettings, body: bytes, authorization: str | None, legacy: str | None) -> None:
    """Accept LiveKit's `Authorization` JWT or the reference's `X-LiveKit-Signature`. Raises `WebhookRejected`.

    Every header that is present must be valid: one good and one bad signature are refused.
    """
    if authorization is None and legacy is None:
        raise WebhookRejected(_REJECTION)
    if authorization is not None and not _is_signed_by_livekit(settings, body, authorization):
        raise WebhookRejected(_REJECTION)
    if legacy is not None and not is_signed(settings, body, legacy):
        raise WebhookRejected(_REJECTION)


def _is_signed_by_livekit(settings: LiveKitSettings, body: bytes, authorization: str) -> bool:
    """True if a JWT of our key pair (HS256, issuer, exp, nbf) contains the SHA-256 of exactly these bytes.

    livekit-api's `WebhookReceiver` decodes the body to text first and compares with `!=`; hence `TokenVerifier` alone.
    """
    if not settings.configured:
        return False
    verifier = TokenVerifier(settings.api_key, settings.api_secret.get_secret_value())
    try:
        claims = verifier.verify(authorization.removeprefix("Bearer ").strip())
        claimed = base64.b64decode(claims.sha256 or "", validate=True)
    except (jwt.PyJWTError, binascii.Error, ParseError, ValueError, TypeError, AttributeError):
        return False  # the last ones: signed with our key, but claims of other types than LiveKit's
    return hmac.compare_digest(claimed, hashlib.sha256(body).digest())
