"""Rate limits by caller."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from api.auth.rate_limits import RateLimits
from errors import SetupError
from settings import ApiSettings, Settings
from tests.fakes.key_files import with_keys
from tests.fakes.session_reader import FakeSessionReader
from tests.fakes.sessions import FakeSessions


@asynccontextmanager
async def callers(settings: Settings, *addresses: str, **limits: Any) -> AsyncIterator[list[httpx.AsyncClient]]:
    """One API, called from these addresses."""
    sessions = FakeSessions()
    app = create_app(replace(settings, api=ApiSettings(**limits)), sessions, FakeSessionReader(sessions))
    clients = [
        httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(address, 1)), base_url="http://localhost")
        for address in addresses
    ]
    yield clients
    for client in clients:
        await client.aclose()


async def statuses(http: httpx.AsyncClient, count: int, **options: Any) -> list[int]:
    return [(await http.get("/api/sessions", **options)).status_code for _ in range(count)]


async def test_addresses_are_counted_separately(settings: Settings) -> None:
    async with callers(settings, "192.0.2.1", "192.0.2.2", rate_limit="2/day") as (one, two):
        assert await statuses(one, 3) == [200, 200, 429]
        assert await statuses(two, 1) == [200]
        answer = await one.get("/api/sessions")
        seconds = int(answer.headers["retry-after"])
        assert 1 <= seconds <= 86_400
        assert answer.json() == {"detail": f"More than 2 requests per day; ask again in {seconds} s."}
        for path in ("/", "/health", "/docs"):
            assert (await one.get(path)).status_code == 200
        assert (await one.post("/webhook/livekit")).status_code == 401


async def test_an_ipv6_network_is_one_caller(settings: Settings) -> None:
    addresses = ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1")
    async with callers(settings, *addresses, rate_limit="1/day") as (one, same, other):
        assert [await statuses(http, 1) for http in (one, same, other)] == [[200], [429], [200]]


async def test_an_owner_is_counted_across_addresses_and_keys(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    first, second, other = ({"X-API-Key": key} for key in with_keys(file, "acme", "acme", "other"))
    async with callers(settings, "192.0.2.1", "192.0.2.2", keys_file=file, rate_limit="2/day") as (one, two):
        assert await statuses(one, 1, headers=first) == [200]
        assert await statuses(two, 2, headers=second) == [200, 429]
        assert await statuses(one, 1, headers=other) == [200]
        # Guessed keys count for the address, and not for a valid key from there.
        assert await statuses(one, 3, headers={"X-API-Key": "guess"}) == [401, 401, 429]
        assert await statuses(one, 1, headers=other) == [200]


async def test_starts_have_their_own_limit(settings: Settings) -> None:
    async with callers(settings, "192.0.2.1", start_rate_limit="1/day") as (http,):
        started = [await http.post("/api/session/start", json={"userName": "ann"}) for _ in range(2)]
        assert [answer.status_code for answer in started] == [200, 429]
        assert started[1].json()["detail"].startswith("More than 1 starts per day; ask again in ")
        assert await statuses(http, 3) == [200, 200, 200]


async def test_several_limits_apply_together(settings: Settings) -> None:
    async with callers(settings, "192.0.2.1", rate_limit="5/day; 2/year") as (http,):
        assert await statuses(http, 3) == [200, 200, 429]


async def test_forwarded_headers_of_clients_are_ignored(settings: Settings) -> None:
    """uvicorn reads them, for FORWARDED_ALLOW_IPS only."""
    async with callers(settings, "192.0.2.1", rate_limit="1/day") as (http,):
        assert await statuses(http, 1) == [200]
        assert await statuses(http, 1, headers={"X-Forwarded-For": "192.0.2.99"}) == [429]


@pytest.mark.parametrize(
    "text", ["ten", "10", "10/fortnight", "0/second", "-1/second", "10/second, or so", "1/0/second"]
)
def test_malformed_rates_are_refused(text: str) -> None:
    with pytest.raises(SetupError, match=r"^API_START_RATE_LIMIT: '.*' is not a rate; write 10/second"):
        RateLimits(ApiSettings(start_rate_limit=text))


async def test_openapi_says_it_where_it_is_so(settings: Settings) -> None:
    for limits, documented in (({"rate_limit": "9/day"}, True), ({}, False)):
        async with callers(settings, "192.0.2.1", **limits) as (http,):
            document = (await http.get("/openapi.json")).json()
            assert ("429" in document["paths"]["/api/sessions"]["get"]["responses"]) == documented
            assert "429" not in document["paths"]["/health"]["get"]["responses"]
