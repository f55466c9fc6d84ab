"""Visibility queries and page tokens."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.gateway.visibility_query import open_page_token, seal_page_token, visibility_query
from api.schemas.session_queries import SessionFilter
from api.schemas.timestamps import parse, rfc3339, round_up
from errors import InvalidInput

_ALWAYS = "WorkflowType = 'VoiceSession' AND ExecutionStatus != 'ContinuedAsNew'"


@pytest.mark.parametrize(
    ("wanted", "terms"),
    [
        ({}, ""),
        ({"state": "active"}, " AND SessionState = 'active' AND ExecutionStatus = 'Running'"),
        ({"state": "ended"}, " AND (SessionState = 'ended' OR ExecutionStatus != 'Running')"),
        ({"user": "ann"}, " AND SessionUser IN ('ann')"),
        ({"user": " o'brien\\"}, " AND SessionUser IN ('o%27brien%5C')"),
        ({"endReason": "no_show"}, " AND SessionEndReason = 'no_show'"),
        (
            {"startedAfter": "2026-11-23T16:00:00.0001+01:00", "startedBefore": "2026-11-23t15:00:01z"},
            " AND SessionStartedAt >= '2026-11-23T15:00:00.001Z' AND SessionStartedAt < '2026-11-23T15:00:01.000Z'",
        ),
    ],
)
def test_queries(wanted: dict[str, str], terms: str) -> None:
    assert visibility_query(SessionFilter.model_validate(wanted)) == _ALWAYS + terms


@given(st.text(min_size=1, max_size=128))
def test_names_are_quoted(name: str) -> None:
    try:
        wanted = SessionFilter.model_validate({"user": name})
    except ValueError:
        return  # not a name
    query = visibility_query(wanted)
    assert query.count("'") == _ALWAYS.count("'") + 2
    assert '"' not in query
    assert "\\" not in query


@given(st.binary(min_size=1), st.text())
def test_page_tokens_round_trip(token: bytes, query: str) -> None:
    sealed = seal_page_token(token, query)
    assert sealed is not None
    assert open_page_token(sealed, query) == token


def test_no_page_token() -> None:
    assert seal_page_token(None, "q") is None
    assert open_page_token(None, "q") is None


@given(st.binary(min_size=1), st.data())
def test_damaged_page_tokens_are_refused(token: bytes, data: st.DataObject) -> None:
    sealed = seal_page_token(token, "q")
    assert sealed is not None
    place = data.draw(st.integers(0, len(sealed) - 2))  # the last character may have unused bits
    damaged = sealed[:place] + data.draw(st.characters().filter(lambda c: c != sealed[place])) + sealed[place + 1 :]
    for text, query in ((damaged, "q"), (sealed[:place], "q"), (sealed, "other"), ("A", "q"), ("ü", "q")):
        with pytest.raises(InvalidInput, match=r"^pageToken: is damaged, or belongs to a list with other filters$"):
            open_page_token(text, query)


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "1700000000", "2026-11-23", "2026-11-23T15:00:00", "2026-11-23 15:00:00Z", "2026-02-30T15:00:00Z"),
        *("2026-11-23T25:00:00Z", "2026-11-23T15:00:00 01:00", "2026-11-23T15:00:00+25:00", "٢٠٢٦-11-23T15:00:00Z"),
        *("2026-11-23T15:00:00Z\n", "2026-W48-1T15:00:00Z", "20261123T150000Z", 5, None),
    ],
)
def test_malformed_times_are_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"^must be a time of RFC 3339, such as 2026-11-23T15:21:20Z$"):
        parse(text)


def test_extreme_times_are_clamped() -> None:
    assert rfc3339(parse("0001-01-01T00:00:00+14:00")) == "1970-01-01T00:00:00.000Z"
    assert rfc3339(parse("9999-12-31T23:59:59-12:00")) == "2200-01-01T00:00:00.000Z"


@given(st.datetimes(timezones=st.just(UTC), min_value=datetime(1970, 1, 1), max_value=datetime(2199, 1, 1)))  # noqa: DTZ001
def test_times_round_trip(moment: datetime) -> None:
    assert parse(moment.isoformat()) == moment
    up = round_up(moment)
    assert parse(rfc3339(up)) == up
    assert 0 <= (up - moment).microseconds < 1000
