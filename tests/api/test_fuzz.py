"""Any bytes and any JSON are accepted or refused with a sentence, and only valid values reach a session."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from typing import Any

import httpx
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from api.app import create_app
from api.livekit_webhook.webhook_events import read_event
from connections.webhook_targets import AllowedTargets
from contracts.identities import is_session_id
from contracts.room import Presence
from contracts.session import SessionRequest
from settings import LiveKitSettings, Settings, WebhookSettings
from tests.fakes.event_source import FakeEventSource
from tests.fakes.event_streams import numbers
from tests.fakes.redeliveries import FakeRedeliveries
from tests.fakes.sessions import FakeSessions

_ID = "session_1234567890_abc123"
TARGETS = "hooks.example.com, *.example.org, http://[::1]:9"

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
texts = values | st.text(max_size=200) | st.sampled_from(["user_ann", "STANDARD", "AGENT", "1800000000", "PA_1", _ID])


def record(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    """An object with some of the fields that the API reads, with any values."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, texts))


events = st.fixed_dictionaries(
    {},
    optional={
        "event": st.sampled_from(["participant_joined", "participant_left", "room_finished", "track_published"])
        | texts,
        "room": st.just({"name": _ID}) | record("name", "sid") | texts,
        "participant": record("sid", "id", "identity", "kind", "joinedAt", "joinedAtMs", "state") | texts,
        "createdAt": texts,
        "id": texts,
    },
)


@given(event=events, received_at_ms=st.integers(1, 2**44))
def test_any_webhook_gives_a_valid_report_or_none(event: dict[str, Any], received_at_ms: int) -> None:
    read = read_event(event, received_at_ms)
    if read is None:
        return
    session_id, report = read
    assert is_session_id(session_id)
    assert report.at_ms > 0
    if isinstance(report, Presence):
        assert report.participant_sid and report.identity
        assert Presence.model_validate_json(report.model_dump_json()) == report


SECRET = "the-webhooks-own"


class Api:
    """One API for all examples, called without a server."""

    def __init__(self) -> None:
        self.sessions = FakeSessions()
        self.redeliveries = FakeRedeliveries()
        self.events = FakeEventSource()
        self.events.log(_ID).emit(5)
        self.events.log(_ID).end()
        settings = Settings(
            webhooks=WebhookSettings(allowed_targets=TARGETS),
            livekit=LiveKitSettings(webhook_secret=SecretStr(SECRET)),
        )
        self._transport = httpx.ASGITransport(
            create_app(settings, self.sessions, events=self.events, redeliveries=self.redeliveries)
        )

    def start(self, body: bytes) -> httpx.Response:
        self.sessions.started.clear()
        return self._post("/api/session/start", body)

    def redeliver(self, body: bytes) -> httpx.Response:
        self.redeliveries.asked.clear()
        return self._post(f"/api/session/{_ID}/webhooks/redeliver", body)

    def webhook(self, body: bytes) -> httpx.Response:
        self.sessions.reports.clear()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        return self._ask("POST", "/webhook/livekit", content=body, headers={"X-LiveKit-Signature": signature})

    def follow(self, after: dict[str, str], *last: str) -> httpx.Response:
        headers = [(b"Last-Event-ID", value.encode(errors="replace")) for value in last]
        return self._ask("GET", f"/api/session/{_ID}/events", params=after, headers=headers)

    def _post(self, path: str, body: bytes) -> httpx.Response:
        return self._ask("POST", path, content=body)

    def _ask(self, method: str, path: str, **what: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://localhost") as http:
                return await http.request(method, path, **what)

        return asyncio.run(ask())


API = Api()
ALLOWED = AllowedTargets(TARGETS)


def demand_refused_or_sound(body: bytes) -> None:
    answer, started = API.start(body), API.sessions.started
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        assert set(answer.json()) == {"detail"}
        assert not started
    for request in started:
        assert 1 <= len(request.user_name) <= 128
        assert 1 <= request.limits.max_duration_seconds <= 7_200
        assert 0 <= (request.limits.agent_wait_seconds or 0) <= 60
        assert ALLOWED.check(request.webhook_url) if request.webhook_url else True
        assert json.loads(body).get("metadata") in (None, API.sessions.metadata[request.session_id])
        assert SessionRequest.model_validate_json(request.model_dump_json()) == request  # as Temporal stores it


@given(body=record("userName", "voiceId", "openingLine", "systemPrompt"))
def test_a_start_with_any_json(body: dict[str, Any]) -> None:
    demand_refused_or_sound(json.dumps(body).encode())


parts = st.sampled_from(["https://", "http://", "hooks.", "example.com", ".example.org", "xn--", "[::1]", ":9", "/"])
urls = st.lists(parts | st.text(max_size=3), max_size=8).map("".join)


@given(
    body=st.fixed_dictionaries(
        {"userName": st.just("ann")},
        optional={
            "metadata": st.dictionaries(st.text(max_size=10), values, max_size=3) | values,
            "maxDurationSeconds": st.integers(-1, 7_202) | values,
            "maxWaitSeconds": st.integers(-1, 62) | values,
            "webhookUrl": urls | values,
        },
    )
)
def test_a_start_with_any_json_beside_the_name(body: dict[str, Any]) -> None:
    demand_refused_or_sound(json.dumps(body).encode())


@given(body=record("after").map(lambda body: json.dumps(body).encode()) | st.binary(max_size=40))
def test_a_redelivery_with_any_body(body: bytes) -> None:
    answer = API.redeliver(body)
    assert answer.status_code in (202, 400)
    assert len(API.redeliveries.asked) == (answer.status_code == 202)
    for _, after in API.redeliveries.asked:
        assert type(after) is int
        assert after >= 0


@given(body=st.binary(max_size=200))
def test_a_start_with_any_bytes(body: bytes) -> None:
    demand_refused_or_sound(body)


places = (
    st.integers(0, 8).map(str)
    | st.text(max_size=12)
    | st.sampled_from(["+1", "1.0", "1e1", " 1", "1_0", "٣", "9" * 30])
)


@given(after=places, last=st.lists(places, max_size=2))
def test_a_stream_from_any_place(after: str, last: list[str]) -> None:
    answer = API.follow({"after": after.encode(errors="replace").decode()}, *last)
    assert answer.status_code in (200, 204, 400)
    if answer.status_code == 400:
        assert set(answer.json()) == {"detail"}
        return
    (place,) = last or [after]
    assert numbers(answer.content) == [*range(int(place) + 1, 7)]


@given(body=events.map(lambda event: json.dumps(event).encode()) | st.binary(max_size=200))
def test_a_signed_webhook_with_any_body(body: bytes) -> None:
    answer = API.webhook(body)
    assert answer.status_code in (200, 400, 401)
    assert set(answer.json()) == ({"status", "event"} if answer.status_code == 200 else {"detail"})
    assert answer.status_code == 200 or not API.sessions.reports
