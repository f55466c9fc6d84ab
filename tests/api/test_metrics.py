"""The metrics: live sessions while Temporal is reachable, and starts by outcome."""

from __future__ import annotations

from dataclasses import replace

import httpx
from prometheus_client.parser import text_string_to_metric_families

from api.app import create_app
from contracts.statuses import SessionStatus
from errors import TemporalUnavailable
from settings import ApiSettings, Settings
from tests.fakes.asgi_client import client_of
from tests.fakes.session_counts import FakeSessionCounts
from tests.fakes.sessions import FakeSessions


async def read(http: httpx.AsyncClient) -> dict[tuple[str, str], float]:
    """Samples by name and their only label."""
    answer = await http.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {(s.name, next(iter(s.labels.values()), "")): s.value for family in families for s in family.samples}


async def test_live_sessions_are_missing_while_temporal_is_unreachable(
    http: httpx.AsyncClient, counts: FakeSessionCounts
) -> None:
    counts.visible = {"a": ("acme", SessionStatus.ACTIVE), "b": ("other", SessionStatus.ACTIVE)}
    found = await read(http)
    assert (found["voice_sessions", "active"], found["voice_sessions", "waiting"]) == (2, 0)
    assert ("voice_sessions", "ended") not in found
    counts.failure = TemporalUnavailable("Temporal is unreachable.")
    assert ("voice_sessions", "active") not in await read(http)
    counts.failure = None
    assert (await read(http))["voice_sessions", "active"] == 2


async def test_a_start_without_a_place_is_counted(
    settings: Settings, sessions: FakeSessions, counts: FakeSessionCounts
) -> None:
    app = create_app(replace(settings, api=ApiSettings(max_sessions=1)), sessions, counts=counts)
    counts.visible = {"a": ("acme", SessionStatus.ACTIVE)}
    async with client_of(app) as http:
        assert (await http.post("/api/session/start", json={"userName": "ann"})).status_code == 503
        assert (await read(http))["voice_session_starts_total", "no_place"] == 1
        counts.failure = TemporalUnavailable("Temporal is unreachable.")
        assert (await http.post("/api/session/start", json={"userName": "ann"})).status_code == 503
        assert (await read(http))["voice_session_starts_total", "temporal_unavailable"] == 1


async def test_starts_by_outcome(http: httpx.AsyncClient, sessions: FakeSessions) -> None:
    key = {"Idempotency-Key": "order-A-17"}
    assert (await http.post("/api/session/start", json={"userName": "ann"}, headers=key)).status_code == 200
    assert (await http.post("/api/session/start", json={"userName": "bob"}, headers=key)).status_code == 409
    sessions.failure = TemporalUnavailable("Temporal is unreachable.")
    assert (await http.post("/api/session/start", json={"userName": "ann"})).status_code == 503
    found = await read(http)
    outcomes = {name: value for (sample, name), value in found.items() if sample == "voice_session_starts_total"}
    assert {name for name, value in outcomes.items() if value} == {"ok", "refused", "temporal_unavailable"}
    assert found["voice_join_token_seconds_count", ""] == 1
