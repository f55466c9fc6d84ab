"""The metrics: live sessions while Temporal is reachable, and starts by outcome."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from contracts.statuses import SessionStatus
from errors import NoPlace, OrchestratorError, TemporalUnavailable
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


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [
        (NoPlace("All 5 places for sessions are taken; ask again later."), "no_place"),
        (TemporalUnavailable("Temporal is unreachable."), "temporal_unavailable"),
    ],
)
async def test_a_start_without_an_answer_is_counted(
    http: httpx.AsyncClient, sessions: FakeSessions, failure: OrchestratorError, outcome: str
) -> None:
    sessions.failure = failure
    assert (await http.post("/api/session/start", json={"userName": "ann"})).status_code == 503
    assert (await read(http))["voice_session_starts_total", outcome] == 1


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
