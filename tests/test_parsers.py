"""Every parser of a single text returns a valid value or raises its documented error, for any text.

Property tests of other inputs (bodies, files, payloads) are beside the tests of their modules.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from starlette.requests import Request

from activities.webhook_sender import signing_keys
from agent.handover.protocol import Succession
from api.auth.rate_limits import RateLimits
from api.gateway.idempotency import read_key
from api.gateway.visibility_query import open_page_token, visibility_query
from api.livekit_webhook.signatures import check_signature
from api.middleware.cors import cross_origin
from api.schemas.session_queries import SessionFilter
from api.schemas.timestamps import parse as parse_time
from connections.payload_encryption import KeyRing
from connections.webhook_targets import AllowedTargets
from console.commands import _since
from contracts.agent import Handover, JobMetadata, YieldRequest
from contracts.identities import agent_generation, is_session_id
from errors import InvalidInput, SetupError, WebhookRejected
from settings import ApiSettings, LiveKitSettings

SECRET = "a-secret-of-at-least-64-characters-so-that-every-algorithm-takes-it!"
LIVEKIT = LiveKitSettings(api_key="devkey", api_secret=SecretStr(SECRET))
BASE64 = base64.b64encode(bytes(range(32))).decode()


def pieces(*likely: str) -> st.SearchStrategy[str]:
    """Any text, and texts made of tokens of the parser with other characters between them."""
    part = st.sampled_from(likely) | st.text(max_size=4)
    return st.text(max_size=80) | st.lists(part, max_size=12).map("".join)


def asked(name: str, value: str) -> Request:
    """A request with a header, in bytes as the API receives it."""
    return Request({"type": "http", "headers": [(name.lower().encode(), value.encode("latin-1", "replace"))]})


def cors(text: str) -> None:
    options = cross_origin(ApiSettings(cors_origins=text))
    assert options is None or all(origin.startswith("http") for origin in options["allow_origins"])


def time(text: str) -> None:
    assert datetime(1970, 1, 1, tzinfo=UTC) <= parse_time(text) <= datetime(2200, 1, 1, tzinfo=UTC)


def session_filter(name: str) -> Callable[[str], None]:
    def read(text: str) -> None:
        query = visibility_query(SessionFilter.model_validate({name: text}))
        assert query.count("'") % 2 == 0
        assert "\\" not in query

    return read


def webhook(text: str) -> None:
    for body in (b"", b"{}", text.encode(errors="replace")):
        for authorization, legacy in ((text, None), (None, text), (text, text)):
            check_signature(LIVEKIT, body, authorization, legacy)


def job_metadata(text: str) -> None:
    assert JobMetadata.model_validate_json(text).generation is not None


def handover(text: str) -> None:
    turns = Handover.model_validate_json(text).turns
    assert len(Succession(turns=turns).after(())) <= len(turns)


def yielding(text: str) -> None:
    assert YieldRequest.model_validate_json(text).known_sequence is not None


def identity(text: str) -> None:
    assert (agent_generation(text) or 0) >= 0
    assert is_session_id(text) <= text.isascii()


PARSERS: dict[str, tuple[Callable[[str], object], tuple[type[Exception], ...], st.SearchStrategy[str]]] = {
    "TEMPORAL_CODEC_KEYS": (KeyRing.parse, (SetupError,), pieces("k", ":", ",", BASE64, "=", " ")),
    "WEBHOOKS_SIGNING_SECRETS": (signing_keys, (SetupError,), pieces("whsec_", ",", BASE64, "=", " ")),
    "WEBHOOKS_ALLOWED_TARGETS": (
        AllowedTargets,
        (SetupError,),
        pieces(
            "https://", "http://", "*.", "example", ".", ":", "443", "[", "::1", "]", "@", "/", ",", "127.0.0.1", "xn--"
        ),
    ),
    "API_CORS_ORIGINS": (
        cors,
        (SetupError,),
        pieces("https://", "http://", "example.com", ".", ":", "443", "[", "]", "@", "/", ",", "*", "v1.x"),
    ),
    "API_RATE_LIMIT": (
        lambda text: RateLimits(ApiSettings(rate_limit=text)),
        (SetupError,),
        pieces("10", "/", "second", "minute", " per ", ";", ",", "0", "-", "9" * 30),
    ),
    "time": (
        time,
        (ValueError,),
        pieces("2026-11-23", "0001-01-01", "9999-12-31", "T", "t", "15:21:20", ".5", "Z", "+", "-14:00"),
    ),
    "Idempotency-Key": (
        lambda text: read_key(asked("Idempotency-Key", text)),
        (InvalidInput,),
        pieces("a", " ", "~"),
    ),
    "pageToken": (
        lambda text: open_page_token(text, "q"),
        (InvalidInput,),
        pieces("AAAA", "_", "-", "=", base64.urlsafe_b64encode(hashlib.sha256(b"q\0x").digest()[:9] + b"x").decode()),
    ),
    **{
        f"filter {name}": (
            session_filter(name),
            (ValidationError,),
            pieces("ended", "no_show", "'", "\\", "%", "2026-11-23", "T15:00:00Z", "7"),
        )
        for name in (*SessionFilter.model_fields, "other")
    },
    "webhook signature": (webhook, (WebhookRejected,), pieces("Bearer ", "eyJhbGciOiJub25lIn0", ".", "e30", BASE64)),
    "--since": (_since, (typer.BadParameter,), pieces("90", "s", "m", "h", "d", "999999", "٣")),
    "job metadata": (
        job_metadata,
        (ValidationError,),
        pieces('{"session_id": "s", "generation": 1, "task_token": ', '"', "ab", "\\ud800", "ü", "1", "}"),
    ),
    "handover": (
        handover,
        (ValidationError,),
        pieces(
            '{"turns": [', '{"generation": 1, "sequence": 1, "role": "agent", "text": "', '", "at_ms": 1}', ",", "]}"
        ),
    ),
    "yield": (yielding, (ValidationError,), pieces('{"generation": ', "1", ', "known_sequence": ', "-1", "null", "}")),
    "identity": (identity, (), pieces("agent_", "session_", "1800000000", "_", "abcdef", "٣", "9" * 5_000)),
}


@pytest.mark.parametrize("name", PARSERS)
def test_any_text_is_a_value_or_the_documented_error(name: str) -> None:
    parse, refusals, texts = PARSERS[name]

    @given(text=texts)
    def read(text: str) -> None:
        with suppress(*refusals):
            parse(text)

    read()


REGRESSIONS = [
    ("API_CORS_ORIGINS", "https://["),
    ("WEBHOOKS_ALLOWED_TARGETS", "xn--.example.com"),
    ("--since", "999999d"),
    ("identity", f"agent_{'9' * 5_000}_a"),
    ("identity", f"session_{'٣' * 10}_abcdef"),
]
"""Texts that once raised another error."""


@pytest.mark.parametrize(("name", "text"), REGRESSIONS)
def test_earlier_failures(name: str, text: str) -> None:
    parse, refusals, _ = PARSERS[name]
    with suppress(*refusals):
        parse(text)
