"""An API without keys refuses foreign web pages, by their origin and by the name that they rebind."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from api.app import create_app
from api.middleware.foreign_pages import ForeignPages
from errors import SetupError
from settings import ApiSettings, CodecEndpointSettings, LiveKitSettings, Settings
from tests.fakes.asgi_client import client_of
from tests.fakes.key_files import with_keys
from tests.fakes.session_counts import FakeSessionCounts
from tests.fakes.session_reader import FakeSessionReader
from tests.fakes.sessions import FakeSessions

_PAGE = "https://app.example.com"
_START = "/api/session/start"
_CONTAINER = "0.0.0.0"  # noqa: S104  nothing listens
_FOREIGN_PAGE = "Pages of 'https://evil.example' may not use this API: it has no API keys. "
_FOREIGN_HOST = "This API has no API keys and does not answer as 'rebound.example:8000'. "


def client(settings: Settings, sessions: FakeSessions, **api: object) -> httpx.AsyncClient:
    changed = replace(settings, api=ApiSettings.model_validate(api))
    app = create_app(changed, sessions, FakeSessionReader(sessions), counts=FakeSessionCounts())
    return client_of(app, "http://localhost:8000")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json"])
@pytest.mark.parametrize("path", [_START, "/api/session/end", "/api/session/session_1/token"])
async def test_a_foreign_page_changes_nothing(
    settings: Settings, sessions: FakeSessions, path: str, content_type: str
) -> None:
    async with client(settings, sessions) as http:
        own = await http.post(_START, json={"userName": "ann"})
        body = json.dumps({"userName": "eve", "sessionId": own.json()["sessionId"]})
        headers = {"Origin": "https://evil.example", "Content-Type": content_type}
        answer = await http.post(path, content=body, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["detail"].startswith(_FOREIGN_PAGE)
    assert "API_CORS_ORIGINS" in answer.json()["detail"]
    assert [request.user_name for request in sessions.started] == ["ann"]
    assert not sessions.ended


async def test_a_text_that_is_not_json_is_refused_from_any_page(settings: Settings, sessions: FakeSessions) -> None:
    async with client(settings, sessions) as http:
        for origin in (None, "http://localhost:8000"):
            headers = {"Content-Type": "text/plain", **({"Origin": origin} if origin else {})}
            answer = await http.post(_START, content="userName=eve", headers=headers)
            assert (answer.status_code, "not valid JSON" in answer.json()["detail"]) == (400, True)
    assert not sessions.started


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/metrics", "/stats", "/api/sessions", "/nothing"])
async def test_a_foreign_name_reads_nothing(settings: Settings, sessions: FakeSessions, path: str) -> None:
    """A page that was rebound is same-origin to its browser."""
    async with client(settings, sessions) as http:
        for headers in ({}, {"Origin": "http://rebound.example:8000"}):
            answer = await http.get(path, headers={"Host": "rebound.example:8000", **headers})
            assert answer.status_code == 403
            assert answer.json()["detail"].startswith(_FOREIGN_HOST)
            assert "API_ALLOWED_HOSTS" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("host", "origin", "is_own"),
    [
        ("localhost:8000", "http://localhost:8000", True),
        ("LOCALHOST:8000", "http://localhost:8000", True),
        ("localhost", "http://localhost", True),
        ("localhost:80", "http://localhost", True),
        ("localhost", "https://localhost", True),  # a proxy ends TLS
        ("localhost:443", "https://localhost", True),
        ("[::1]:8000", "http://[::1]:8000", True),
        ("localhost:8000", _PAGE, True),
        ("localhost:8000", "http://localhost:9000", False),
        ("localhost:8000", "http://127.0.0.1:8000", False),
        ("localhost:8000", "http://localhost", False),
        ("localhost:8000", "https://localhost:8000.evil.example", False),
        ("localhost:8000", "http://localhost:8000@evil.example", False),
        ("localhost:8000", "localhost:8000", False),
        ("localhost:8000", "file://localhost:8000", False),
        ("localhost:8000", "null", False),
        ("localhost:8000", "", False),
        ("localhost:8000", f"{_PAGE}.evil.example", False),
        ("localhost:8000", "http://[", False),
    ],
)
async def test_pages_of_its_own_and_listed_origins_may_ask(
    settings: Settings, sessions: FakeSessions, host: str, origin: str, is_own: bool
) -> None:
    async with client(settings, sessions, cors_origins=_PAGE) as http:
        answer = await http.get("/api/sessions", headers={"Host": host, "Origin": origin})
    assert answer.status_code == (200 if is_own else 403)


_LOOPBACK = (
    "localhost",
    "localhost.",
    "localhost:1",
    "api.localhost:8000",
    "127.0.0.1:8000",
    "127.8.0.1",
    "[::1]:8000",
)
_PRIVATE = ("api:8000", "api", "10.0.0.5:8000", "192.168.1.5", "[fd00::1]:8000")
_LISTED = ("voice.example.com", "Voice.Example.com:8443", "203.0.113.9:8000")
_FOREIGN = (
    *("rebound.example:8000", "localhost.evil.example", "127.0.0.1.nip.io:8000", "notlocalhost.evil", "voice.example"),
    *("x.voice.example.com", "localhost:x", "evil.example@localhost", "localhost@evil.example", "[", "localhost/"),
)


@pytest.mark.parametrize(
    ("api", "taken", "refused"),
    [
        ({}, (*_LOOPBACK, *_PRIVATE), ("voice.example.com", *_FOREIGN)),
        ({"host": "10.0.0.5"}, (*_LOOPBACK, *_PRIVATE), ("voice.example.com", *_FOREIGN)),
        ({"host": _CONTAINER}, (*_LOOPBACK, *_PRIVATE), ("voice.example.com", *_FOREIGN)),
        ({"host": "voice.example.com"}, ("voice.example.com:8000", *_LOOPBACK), _FOREIGN),
        ({"allowed_hosts": "voice.example.com, 203.0.113.9"}, (*_LOOPBACK, *_LISTED, *_PRIVATE), _FOREIGN),
    ],
)
async def test_names_under_which_it_answers(
    settings: Settings, sessions: FakeSessions, api: dict[str, str], taken: tuple[str, ...], refused: tuple[str, ...]
) -> None:
    async with client(settings, sessions, **api) as http:
        for host, status in (*((each, 200) for each in taken), *((each, 403) for each in refused)):
            answer = await http.get("/api/sessions", headers={"Host": host})
            assert (host, answer.status_code) == (host, status)


async def test_an_empty_name_is_foreign(settings: Settings, sessions: FakeSessions) -> None:
    for host in ("127.0.0.1", _CONTAINER):
        async with client(settings, sessions, host=host) as http:
            assert (await http.get("/api/sessions", headers={"Host": ""})).status_code == 403


async def test_of_two_names_both_count(settings: Settings, sessions: FakeSessions) -> None:
    async with client(settings, sessions) as http:
        headers = [("Host", "localhost:8000"), ("Host", "rebound.example:8000")]
        assert (await http.get("/api/sessions", headers=headers)).status_code == 403


async def test_livekit_and_monitors_need_no_setting(settings: Settings, sessions: FakeSessions) -> None:
    """LiveKit Cloud and load balancers know the API by public names."""
    secret = "the-webhooks-own"
    signed = replace(settings, livekit=LiveKitSettings(webhook_secret=SecretStr(secret)))
    signature = hmac.new(secret.encode(), b"{}", hashlib.sha256).hexdigest()
    for host, listening in (("voice.example.com", "127.0.0.1"), ("api:8000", _CONTAINER)):
        async with client(signed, sessions, host=listening) as http:
            headers = {"Host": host, "X-LiveKit-Signature": signature}
            assert (await http.post("/webhook/livekit", content=b"{}", headers=headers)).status_code == 200
            assert (await http.get("/health", headers={"Host": host})).status_code == 200
    async with client(settings, sessions, host=_CONTAINER) as http:
        assert (await http.get("/metrics", headers={"Host": "api:8000"})).status_code == 200


async def test_the_codec_endpoint_has_its_own_origins(settings: Settings, sessions: FakeSessions) -> None:
    ui = "https://temporal.example.com"
    shown = replace(settings, codec_endpoint=CodecEndpointSettings(origins=ui))
    async with client(shown, sessions) as http:
        own = await http.post("/codec/default/decode", headers={"Origin": ui}, json={})
        other = await http.post("/codec/default/decode", headers={"Origin": "https://evil.example"}, json={})
    assert (own.status_code, other.status_code) == (404, 403)  # without a token there is no endpoint


async def test_with_keys_the_key_decides(settings: Settings, sessions: FakeSessions, tmp_path: Path) -> None:
    keys_file = tmp_path / "keys.jsonl"
    (key,) = with_keys(keys_file, "acme")
    headers = {"Host": "voice.example.com", "Origin": "https://evil.example"}
    async with client(settings, sessions, keys_file=keys_file) as http:
        assert (await http.get("/api/sessions", headers=headers)).status_code == 401
        assert (await http.get("/api/sessions", headers={**headers, "X-API-Key": key})).status_code == 200


@pytest.mark.parametrize(
    "host", ["https://voice.example.com", "voice.example.com:8000", "*", "*.example.com", "a b", "a..b", "[::1]", "a/b"]
)
def test_malformed_hosts_are_refused(host: str) -> None:
    async def app(*_: object) -> None: ...

    with pytest.raises(SetupError, match=r"^API_ALLOWED_HOSTS: "):
        ForeignPages(app, ApiSettings(allowed_hosts=f"voice.example.com,{host}"))
