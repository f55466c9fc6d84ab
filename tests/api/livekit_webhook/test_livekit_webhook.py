"""LiveKit's webhooks: signatures, and the reports that sessions receive."""

from __future__ import annotations

import base64
import datetime
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from livekit.api import AccessToken, VideoGrants
from pydantic import SecretStr

from api.app import create_app
from api.livekit_webhook.webhook_events import read_event
from contracts.room import Presence, RoomFinished
from errors import TemporalUnavailable
from settings import Settings
from tests.fakes.asgi_client import client_of
from tests.fakes.bills import bill_of
from tests.fakes.sessions import FakeSessions
from workflows.session.caller_presence import CallerPresence

_KEY = "devkey"
_SECRET = "a-secret-of-at-least-64-characters-so-that-every-algorithm-takes-it!"
_ID = "session_1234567890_abc123"
_LEFT: dict[str, Any] = {
    "event": "participant_left",
    "room": {"name": _ID, "sid": "RM_1"},
    "participant": {"sid": "PA_1", "identity": "user_123", "state": "DISCONNECTED", "joinedAt": "1700000000"},
    "createdAt": "1700000010",
    "id": "EV_1",
}
_REFERENCE = {
    "event": "participant_left",
    "room": {"name": _ID, "id": "..."},
    "participant": {"identity": "user_123", "id": "PA_1"},
}
_REJECTED = (401, {"detail": "Invalid webhook signature"})


def _recent(event: dict[str, Any], *, seconds_ago: float = 0) -> bytes:
    """The event as LiveKit sends it, created so long ago."""
    return json.dumps({**event, "createdAt": str(int(time.time() - seconds_ago))}).encode()


def _hash(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _token(body: bytes, key: str = _KEY, secret: str = _SECRET) -> str:
    return AccessToken(key, secret).with_sha256(_hash(body)).to_jwt()


def _legacy(body: bytes, key: str = _SECRET) -> dict[str, str]:
    return {"X-LiveKit-Signature": hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}


async def _post(http: httpx.AsyncClient, body: bytes, headers: dict[str, str]) -> tuple[int, Any]:
    answer = await http.post("/webhook/livekit", content=body, headers=headers)
    return answer.status_code, answer.json()


@pytest.mark.parametrize("scheme", ["", "Bearer "])
async def test_livekits_signature_is_accepted(http: httpx.AsyncClient, sessions: FakeSessions, scheme: str) -> None:
    body = _recent(_LEFT)
    answer = await _post(http, body, {"Authorization": scheme + _token(body)})
    assert answer == (200, {"status": "ok", "event": "participant_left"})
    assert len(sessions.reports) == 1


async def test_the_reference_signature_is_accepted(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    body = json.dumps(_REFERENCE).encode()
    assert await _post(http, body, _legacy(body)) == (200, {"status": "ok", "event": "participant_left"})
    [(session_id, report)] = sessions.reports
    assert session_id == _ID
    assert isinstance(report, Presence)
    assert (report.participant_sid, report.identity, report.kind) == ("PA_1", "user_123", "left")


def _expired(body: bytes) -> str:
    return AccessToken(_KEY, _SECRET).with_sha256(_hash(body)).with_ttl(datetime.timedelta(seconds=-120)).to_jwt()


def _with_claims(body: bytes, algorithm: str = "HS256", secret: str = _SECRET, **claims: Any) -> str:
    now = int(time.time())
    return jwt.encode(
        {"iss": _KEY, "exp": now + 60, "nbf": now, "sha256": _hash(body), **claims}, secret, algorithm=algorithm
    )


_FORGERIES: dict[str, Callable[[bytes], dict[str, str]]] = {
    "nothing": lambda _: {},
    "empty": lambda _: {"Authorization": ""},
    "not a token": lambda _: {"Authorization": "Bearer letmein"},
    "algorithm none": lambda body: {"Authorization": _with_claims(body, "none", "")},
    "another algorithm": lambda body: {"Authorization": _with_claims(body, "HS512")},
    "expired": lambda body: {"Authorization": _expired(body)},
    "not yet valid": lambda body: {"Authorization": _with_claims(body, nbf=int(time.time()) + 3600)},
    "another key": lambda body: {"Authorization": _token(body, key="other")},
    "another secret": lambda body: {"Authorization": _token(body, secret="x" * 40)},
    "another body": lambda body: {"Authorization": _token(body + b" ")},
    "no hash": lambda body: {"Authorization": _with_claims(body, sha256="")},
    "hash of a wrong type": lambda body: {"Authorization": _with_claims(body, sha256=5)},
    "grants of a wrong type": lambda body: {"Authorization": _with_claims(body, video=5, sha256=_hash(body + b"."))},
    "a caller's token": lambda _: {
        "Authorization": AccessToken(_KEY, _SECRET)
        .with_identity("user_a")
        .with_grants(VideoGrants(room_join=True, room=_ID))
        .to_jwt()
    },
    "legacy, wrong key": lambda body: _legacy(body, "wrong"),
    "legacy, another body": lambda body: _legacy(body + b" "),
    "legacy, not hex": lambda _: {"X-LiveKit-Signature": "zz"},
    "one right, one wrong": lambda body: {"Authorization": _token(body), "X-LiveKit-Signature": "00"},
}


@pytest.mark.parametrize("forgery", _FORGERIES)
async def test_forged_signatures_are_refused(http: httpx.AsyncClient, sessions: FakeSessions, forgery: str) -> None:
    body = _recent(_LEFT)
    assert await _post(http, body, _FORGERIES[forgery](body)) == _REJECTED
    assert not sessions.reports


async def test_the_signature_is_checked_before_the_json(http: httpx.AsyncClient) -> None:
    assert await _post(http, b"{", {}) == _REJECTED
    for body in (b"{", b"[]", b"\xff", b""):
        assert await _post(http, body, _legacy(body)) == (400, {"detail": "Invalid JSON payload"})


async def test_the_reference_signature_has_its_own_key_or_is_off(settings: Settings, sessions: FakeSessions) -> None:
    body = json.dumps(_REFERENCE).encode()
    own = settings.livekit.model_copy(update={"webhook_secret": SecretStr("own")})
    off = settings.livekit.model_copy(update={"webhook_legacy_signature": False})
    for livekit, headers, status in (
        (own, _legacy(body, "own"), 200),
        (own, _legacy(body), 401),
        (off, _legacy(body), 401),
        (off, {"Authorization": _token(body)}, 200),
    ):
        async with client_of(create_app(replace(settings, livekit=livekit), sessions)) as http:
            assert (await _post(http, body, headers))[0] == status


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"event": 5},
        {"event": "room_started", "room": {"name": _ID}},
        {**_LEFT, "room": {"name": "lobby"}},
        {**_LEFT, "room": None},
        {**_LEFT, "participant": []},
        {**_LEFT, "participant": {**_LEFT["participant"], "kind": "AGENT"}},
        {**_LEFT, "participant": {**_LEFT["participant"], "kind": "EGRESS"}},
        {**_LEFT, "participant": {"sid": "PA_1"}},
        {**_LEFT, "participant": {"sid": "\ud800", "identity": "a"}},
        {**_LEFT, "event": "track_published"},
    ],
)
async def test_events_of_no_session_are_ignored(
    http: httpx.AsyncClient, sessions: FakeSessions, event: dict[str, Any]
) -> None:
    body = _recent(event)
    status, answer = await _post(http, body, _legacy(body))
    assert (status, answer["status"]) == (200, "ok")
    assert not sessions.reports


async def test_livekit_retries_an_undelivered_event(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    sessions.failure = TemporalUnavailable("The event was not delivered: Temporal is unreachable.")
    body = _recent(_LEFT)
    assert (await _post(http, body, _legacy(body)))[0] == 503


_OLD = (401, {"detail": "The webhook's createdAt is more than five minutes away: check both clocks."})


_JOINED_AT_MS = 1_700_000_000_000


def _billed(*undated: tuple[str, int]) -> int:
    """The bill of a session of 590 s whose agent saw the caller join, after events in the reference's form."""
    caller = CallerPresence(identities=frozenset({"user_123"}), began_at_ms=_JOINED_AT_MS)
    caller.note(
        Presence(participant_sid="PA_1", identity="user_123", kind="joined", at_ms=_JOINED_AT_MS, source="agent"),
        _JOINED_AT_MS,
    )
    for name, after_seconds in undated:
        read = read_event({**_REFERENCE, "event": name}, _JOINED_AT_MS + after_seconds * 1000)
        if read is not None:
            assert isinstance(read[1], Presence)
            caller.note(read[1], _JOINED_AT_MS + after_seconds * 1000)
    return bill_of(caller, _JOINED_AT_MS + 590_000)


def test_a_replayed_join_without_a_time_is_ignored() -> None:
    assert _billed() == 590
    assert _billed(("participant_left", 60)) == 60
    assert _billed(("participant_joined", 1), ("participant_left", 60), ("participant_joined", 90)) == 60


def test_a_replayed_leave_without_a_time_changes_no_bill() -> None:
    assert _billed(("participant_left", 60), ("participant_left", 300), ("participant_left", 86_400)) == 60


async def test_a_join_without_a_time_is_acknowledged(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    body = json.dumps({**_REFERENCE, "event": "participant_joined"}).encode()
    assert await _post(http, body, _legacy(body)) == (200, {"status": "ok", "event": "participant_joined"})
    assert not sessions.reports


def test_room_finished_needs_no_time() -> None:
    event = {**_REFERENCE, "event": "room_finished"}
    assert read_event(event, 1_700_000_060_000) == (_ID, RoomFinished(at_ms=1_700_000_060_000))


@pytest.mark.parametrize("seconds_ago", [310, 86_400, -310])
async def test_old_and_future_events_are_refused(
    http: httpx.AsyncClient, sessions: FakeSessions, seconds_ago: float
) -> None:
    body = _recent(_LEFT, seconds_ago=seconds_ago)
    for headers in ({"Authorization": _token(body)}, _legacy(body)):
        assert await _post(http, body, headers) == _OLD
    assert not sessions.reports


@pytest.mark.parametrize("seconds_ago", [0, 60, 290, -60])
async def test_livekit_may_repeat_an_event(http: httpx.AsyncClient, sessions: FakeSessions, seconds_ago: float) -> None:
    body = _recent(_LEFT, seconds_ago=seconds_ago)
    headers = {"Authorization": _token(body)}  # LiveKit signs once, and repeats the same request
    for _ in range(3):
        assert (await _post(http, body, headers))[0] == 200
    assert len({report.model_copy(update={"at_ms": 0, "received_at_ms": 0}) for _, report in sessions.reports}) == 1


@pytest.mark.parametrize(
    ("received_at_ms", "at_ms"),
    [
        (1_700_000_010_000, 1_700_000_010_000),
        (1_700_000_010_730, 1_700_000_010_730),  # the receipt is finer than createdAt's whole seconds
        (1_700_000_011_250, 1_700_000_011_250),
        (1_700_000_011_251, 1_700_000_010_000),  # late or repeated: createdAt is used
        (1_700_000_099_000, 1_700_000_010_000),
        (1_700_000_009_999, 1_700_000_010_000),  # our clock is behind
    ],
)
def test_time_of_a_leave(received_at_ms: int, at_ms: int) -> None:
    expected = Presence(
        participant_sid="PA_1",
        identity="user_123",
        kind="left",
        at_ms=at_ms,
        joined_at_ms=1_700_000_000_000,
        received_at_ms=received_at_ms,
        source="webhook",
    )
    assert read_event(_LEFT, received_at_ms) == (_ID, expected)
    aborted = {**_LEFT, "event": "participant_connection_aborted"}
    assert read_event(aborted, received_at_ms) == (_ID, expected)
    assert read_event({**_LEFT, "event": "room_finished"}, received_at_ms) == (
        _ID,
        RoomFinished(at_ms=received_at_ms),
    ), "by our clock: a bill may end with it"


@pytest.mark.parametrize(
    ("times", "joined_at_ms"),
    [
        ({"joinedAt": "1700000005", "joinedAtMs": "1700000005432"}, 1_700_000_005_432),
        ({"joinedAt": 1_700_000_005}, 1_700_000_005_000),
        ({"joinedAt": "0"}, 1_700_000_010_500),
        ({"joinedAtMs": "soon"}, 1_700_000_010_500),
        ({"joinedAtMs": True}, 1_700_000_010_500),
        ({"joinedAtMs": "9" * 30}, 1_700_000_010_500),
    ],
)
def test_time_of_a_join(times: dict[str, Any], joined_at_ms: int) -> None:
    participant = {"sid": "PA_1", "identity": "user_123", "kind": "STANDARD", **times}
    event = {**_LEFT, "event": "participant_joined", "participant": participant}
    found = read_event(event, 1_700_000_010_500)
    assert found is not None
    report = found[1]
    assert isinstance(report, Presence)
    assert (report.kind, report.at_ms, report.joined_at_ms) == ("joined", joined_at_ms, joined_at_ms)
