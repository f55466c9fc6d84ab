"""Security headers of every answer, and CORS."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from api.app import create_app
from api.middleware.cors import cross_origin
from api.middleware.security_headers import HEADERS, NOTHING
from errors import SetupError
from settings import ApiSettings, CodecEndpointSettings, PlaygroundSettings, Settings, TemporalSettings
from tests.fakes.asgi_client import client_of
from tests.fakes.sessions import FakeSessions

_PAGE = "https://app.example.com"
_PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


async def test_every_answer_has_security_headers(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    answers = [
        await http.get("/"),
        await http.post("/api/session/start", json={"userName": "ann"}),
        await http.get("/api/session/session_123"),
        await http.get("/nothing"),
        await http.put("/api/session/end"),
        await http.post("/api/session/end", content=b"x" * 300_000),
    ]
    sessions.failure = KeyError("unexpected")
    answers.append(await http.post("/api/session/start", json={"userName": "ann"}))
    assert [answer.status_code for answer in answers] == [200, 200, 404, 404, 405, 413, 500]
    for answer in answers:
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert answer.headers["cache-control"] == "no-store"
        assert "strict-transport-security" not in answer.headers


async def test_hsts_is_sent_over_https(settings: Settings) -> None:
    async with client_of(create_app(settings), "https://localhost") as http:
        assert (await http.get("/")).headers["strict-transport-security"] == "max-age=31536000"


async def test_pages_have_their_own_policies(settings: Settings) -> None:
    async with client_of(create_app(replace(settings, playground=PlaygroundSettings(enabled=True)))) as http:
        policies = {
            path: (await http.get(path)).headers["content-security-policy"]
            for path in ("/docs", "/redoc", "/playground", "/openapi.json")
        }
        script = await http.get("/static-offline-docs/swagger-ui-bundle.js")
    assert "script-src 'self' 'unsafe-inline'" in policies["/docs"]
    assert "worker-src blob:" in policies["/redoc"]
    assert "connect-src 'self' wss://livekit.example" in policies["/playground"]  # its own
    assert "unsafe" not in policies["/playground"]
    assert policies["/openapi.json"] == NOTHING
    assert "no-store" not in script.headers.get("cache-control", "")


async def test_listed_origins_may_call(settings: Settings) -> None:
    app = create_app(replace(settings, api=ApiSettings(cors_origins=f"{_PAGE}, http://localhost:3000/")))
    async with client_of(app) as http:
        for origin, allowed in ((_PAGE, True), ("http://localhost:3000", True), ("https://example.com", False)):
            preflight = await http.options("/api/session/start", headers={"Origin": origin, **_PREFLIGHT})
            assert (preflight.status_code == 200) == allowed
            answer = await http.get("/", headers={"Origin": origin})
            assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)
            assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("names", ["cache-control,last-event-id", "content-type,idempotency-key", "x-api-key"])
async def test_listed_origins_may_send_the_headers_that_routes_read(settings: Settings, names: str) -> None:
    async with client_of(create_app(replace(settings, api=ApiSettings(cors_origins=_PAGE)))) as http:
        asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": names}
        preflight = await http.options("/api/session/session_1/events", headers={"Origin": _PAGE, **asked})
    assert preflight.status_code == 200
    assert set(names.split(",")) <= set(preflight.headers["access-control-allow-headers"].lower().split(", "))


async def test_other_origins_may_not_call(http: httpx.AsyncClient) -> None:
    answer = await http.options("/api/session/start", headers={"Origin": _PAGE, **_PREFLIGHT})
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


async def test_the_codec_endpoint_has_its_own_origins(settings: Settings) -> None:
    """It decrypts sessions, which pages that may use the API may not read."""
    app = create_app(
        replace(
            settings,
            api=ApiSettings(cors_origins=_PAGE),
            temporal=TemporalSettings(address="127.0.0.1:9"),
            codec_endpoint=CodecEndpointSettings(origins="https://temporal.example.com"),
        )
    )
    async with client_of(app) as http:
        path = "/codec/default/decode"
        assert (await http.options(path, headers={"Origin": _PAGE, **_PREFLIGHT})).status_code == 403
        own = await http.options(path, headers={"Origin": "https://temporal.example.com", **_PREFLIGHT})
        assert own.headers["access-control-allow-origin"] == "https://temporal.example.com"


@pytest.mark.parametrize(
    "origin",
    [
        *("*", "https://*.example.com", "example.com", "https://a.example/page", "null", "ftp://a.example"),
        *("https://[", "https://a.example:99999", "https://a.example:x", "https://ann@a.example"),
    ],
)
def test_malformed_origins_are_refused(origin: str) -> None:
    with pytest.raises(SetupError, match=r"^API_CORS_ORIGINS: "):
        cross_origin(ApiSettings(cors_origins=f"{_PAGE},{origin}"))
