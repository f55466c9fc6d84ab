"""Signatures of webhooks with any headers; `test_livekit_webhook.py` has plausible forgeries."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr

from api.livekit_webhook.signatures import check_signature
from errors import WebhookRejected
from settings import LiveKitSettings

SECRET = "a-secret-of-at-least-64-characters-so-that-every-algorithm-takes-it!"
LIVEKIT = LiveKitSettings(api_key="devkey", api_secret=SecretStr(SECRET))

anything: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
)
names = st.sampled_from(
    ["sha256", "exp", "nbf", "iss", "sub", "video", "sip", "attributes", "metadata", "roomConfig", "kind", "name"]
)
claims = st.dictionaries(
    names | st.text(max_size=8), anything | st.dictionaries(st.text(max_size=8), anything, max_size=2)
)


@given(claims=claims, is_ours=st.booleans(), body=st.binary(max_size=20))
@example({"roomConfig": {"name": 5}}, True, b"")
def test_a_token_with_any_claims_is_refused(claims: dict[str, Any], is_ours: bool, body: bytes) -> None:
    payload = claims | ({"iss": "devkey", "exp": 2**33, "nbf": 0} if is_ours else {})
    # Not with `jwt.encode`, which validates the claims.
    token = jwt.api_jws.encode(json.dumps(payload).encode(), SECRET)
    with pytest.raises(WebhookRejected):
        check_signature(LIVEKIT, body, token, None)


@given(body=st.binary(max_size=40), other=st.binary(max_size=40))
def test_the_reference_signature_is_valid_for_its_bytes_only(body: bytes, other: bytes) -> None:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    check_signature(LIVEKIT, body, None, signature)
    if other != body:
        with pytest.raises(WebhookRejected):
            check_signature(LIVEKIT, other, None, signature)
