"""The routes that read sessions, with sessions in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from api.schemas.session_queries import SessionFilter
from contracts.statuses import EndReason, SessionStatus
from contracts.turns import Turn
from errors import NoWorkerAnswered, TemporalUnavailable
from tests.fakes.session_reader import FakeSessionReader

_METADATA = {"order": "A-17", "parts": [1, None, {"ü": True}]}


async def _start(http: httpx.AsyncClient) -> str:
    answer = await http.post("/api/session/start", json={"userName": "ann", "metadata": _METADATA})
    session_id: str = answer.json()["sessionId"]
    return session_id


def _facts(session_id: str) -> dict[str, Any]:
    return {
        "sessionId": session_id,
        "userName": "ann",
        "voiceId": "Ashley",
        "metadata": _METADATA,
        "state": "ended",
        "startedAt": "2026-11-23T15:21:20.123Z",
        "endedAt": "2026-11-23T15:23:25.456Z",
        "endReason": "caller_left",
        "durationSeconds": 125,
        "durationMinutes": 3,
    }


async def test_one_session(http: httpx.AsyncClient) -> None:
    session_id = await _start(http)
    answer = await http.get(f"/api/session/{session_id}")
    assert answer.status_code == 200
    assert answer.json() == {**_facts(session_id), "agentState": "stopped", "agentGeneration": 2}
    ended = await http.post("/api/session/end", json={"sessionId": session_id})
    assert ended.json()["details"]["metadata"] == _METADATA


async def test_list(http: httpx.AsyncClient, reader: FakeSessionReader) -> None:
    ids = [await _start(http) for _ in range(2)]
    answer = await http.get("/api/sessions")
    assert answer.status_code == 200
    assert answer.json() == {"sessions": [_facts(session_id) for session_id in ids[::-1]], "nextPageToken": "next"}
    assert reader.asked == [SessionFilter()]


async def test_filters(http: httpx.AsyncClient, reader: FakeSessionReader) -> None:
    wanted = {
        "state": "active",
        "user": " o'brien & söhne ",
        "endReason": "no_show",
        "startedAfter": "2026-11-23T16:00:00+01:00",
        "startedBefore": "2026-11-23T15:00:00.5Z",
        "pageSize": "100",
        "pageToken": "abc",
    }
    assert (await http.get("/api/sessions", params=wanted)).status_code == 200
    [asked] = reader.asked
    assert asked.model_dump() == {
        "state": SessionStatus.ACTIVE,
        "user": "o'brien & söhne",
        "endReason": EndReason.NO_SHOW,
        "startedAfter": datetime(2026, 11, 23, 15, tzinfo=UTC),
        "startedBefore": datetime(2026, 11, 23, 15, 0, 0, 500_000, tzinfo=UTC),
        "pageSize": 100,
        "pageToken": "abc",
    }


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("state=talking", "state: must be 'starting', 'waiting', 'active', 'reconnecting', 'ending' or 'ended'"),
        ("state=", "state: must be 'starting'"),
        ("endReason=bored", "endReason: must be 'api_request', "),
        ("user=", "user: must not be blank"),
        ("user=%20", "user: must not be blank"),
        ("user=a%0Ab", "user: contains control characters"),
        ("user=a%00b", "user: contains characters that are not text"),
        ("user=" + "x" * 129, "user: must have at most 128 characters"),
        ("startedAfter=yesterday", "startedAfter: must be a time of RFC 3339, such as 2026-11-23T15:21:20Z"),
        ("startedBefore=1700000000", "startedBefore: must be a time of RFC 3339"),
        (
            "startedAfter=2026-11-23T15:00:00Z&startedBefore=2026-11-23T15:00:00Z",
            "startedBefore: must be later than startedAfter",
        ),
        ("pageSize=0", "pageSize: must be at least 1"),
        ("pageSize=101", "pageSize: must be at most 100"),
        ("pageSize=-1", "pageSize: must be a whole number"),
        ("pageSize=1.0", "pageSize: must be a whole number"),
        ("pageSize=1_0", "pageSize: must be a whole number"),
        ("pageSize=" + "9" * 5_000, "pageSize: must be a whole number"),
        ("pageToken=", "pageToken: must not be blank"),
        ("pageToken=" + "x" * 4_097, "pageToken: must have at most 4,096 characters"),
        ("sate=active", "sate: is not known here"),
        ("state=active&state=ended", "state: must be given once"),
        ("pageSize=0&state=no", "; pageSize: must be at least 1"),
    ],
)
async def test_bad_filters(http: httpx.AsyncClient, reader: FakeSessionReader, query: str, detail: str) -> None:
    answer = await http.get(f"/api/sessions?{query}")
    assert answer.status_code == 400
    assert set(answer.json()) == {"detail"}
    assert detail in answer.json()["detail"]
    assert not reader.asked


async def test_transcript(http: httpx.AsyncClient, reader: FakeSessionReader) -> None:
    session_id = await _start(http)
    assert (await http.get(f"/api/session/{session_id}/transcript")).json() == {"sessionId": session_id, "turns": []}
    reader.turns = (
        Turn(generation=1, sequence=1, role="agent", text="Hel", at_ms=1_700_000_000_123, interrupted=True),
        Turn(generation=2, sequence=1, role="caller", text="Two and two?", at_ms=1_700_000_002_000),
    )
    answer = await http.get(f"/api/session/{session_id}/transcript")
    assert answer.status_code == 200
    assert answer.json()["turns"] == [
        {
            "number": 1,
            "role": "agent",
            "text": "Hel",
            "at": "2023-11-14T22:13:20.123Z",
            "interrupted": True,
            "generation": 1,
        },
        {
            "number": 2,
            "role": "caller",
            "text": "Two and two?",
            "at": "2023-11-14T22:13:22.000Z",
            "interrupted": False,
            "generation": 2,
        },
    ]


@pytest.mark.parametrize("rest", ["", "/transcript"])
async def test_unknown_and_malformed_ids(http: httpx.AsyncClient, rest: str) -> None:
    answer = await http.get(f"/api/session/session_123{rest}")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Session session_123 not found"})
    answer = await http.get(f"/api/session/{'x' * 257}{rest}")
    assert (answer.status_code, answer.json()) == (400, {"detail": "sessionId: must have at most 256 characters"})
    answer = await http.get(f"/api/session/%00{rest}")
    assert (answer.status_code, answer.json()) == (400, {"detail": "sessionId: contains characters that are not text"})
    answer = await http.get(f"/api/session/%20{rest}")
    assert (answer.status_code, answer.json()) == (400, {"detail": "sessionId: must not be blank"})


@pytest.mark.parametrize("path", ["sessions", "session/session_1234567890_abc123/transcript", "session/session_123"])
@pytest.mark.parametrize("failure", [TemporalUnavailable("Temporal is unreachable."), NoWorkerAnswered("No worker.")])
async def test_failures(http: httpx.AsyncClient, reader: FakeSessionReader, path: str, failure: Exception) -> None:
    reader.failure = failure
    answer = await http.get(f"/api/{path}")
    assert (answer.status_code, answer.json()) == (503, {"detail": str(failure)})


async def test_an_end_succeeds_when_its_metadata_is_unreadable(
    http: httpx.AsyncClient, reader: FakeSessionReader
) -> None:
    session_id = await _start(http)
    reader.failure = TemporalUnavailable("Temporal is unreachable.")
    answer = await http.post("/api/session/end", json={"sessionId": session_id})
    assert answer.status_code == 200
    assert (answer.json()["details"]["metadata"], answer.json()["details"]["durationSeconds"]) == (None, 125)


async def test_openapi_describes_parameters_and_answers(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    listing = document["paths"]["/api/sessions"]["get"]
    parameters = {parameter["name"]: parameter for parameter in listing["parameters"]}
    assert list(parameters) == list(SessionFilter.model_fields)
    assert parameters["state"]["schema"]["$ref"] == "#/components/schemas/SessionStatus"
    assert document["components"]["schemas"]["SessionStatus"]["enum"] == list(SessionStatus)
    assert parameters["startedAfter"]["schema"].items() >= {"type": "string", "format": "date-time"}.items()
    numbers = {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}
    assert parameters["pageSize"]["schema"].items() >= numbers.items()
    assert all("anyOf" not in parameter["schema"] for parameter in listing["parameters"]), "none is null"
    assert not any(parameter["required"] for parameter in listing["parameters"])
    assert set(listing["responses"]) == {"200", "400", "403", "503"}
    for rest in ("", "/transcript"):
        one = document["paths"]["/api/session/{sessionId}" + rest]["get"]
        [parameter] = one["parameters"]
        assert (parameter["name"], parameter["in"], parameter["required"]) == ("sessionId", "path", True)
        assert set(one["responses"]) == {"200", "400", "403", "404", "503"}
    item = document["components"]["schemas"]["SessionItem"]["properties"]
    assert item["startedAt"]["format"] == "date-time"
    assert all("examples" in field and "description" in field for field in item.values())
