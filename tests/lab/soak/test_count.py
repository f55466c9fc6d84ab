"""The count finds wrong results."""

from __future__ import annotations

from typing import Any

import pytest

from contracts.statuses import EndReason
from lab.soak.callers import Account
from lab.soak.count import check
from lab.soak.scripts import draw
from tests.fakes.summaries import summary

SCRIPT = draw(1, sessions=1, seconds=1, kill_every_seconds=1).scripts[0]
RIGHT = summary(session_id="session_1234567890_abcdef", duration_seconds=5, duration_minutes=1)
LINES = ["line 1", "line 2", "line 3"]


def account() -> Account:
    return Account(
        SCRIPT, RIGHT.session_id, EndReason.API_REQUEST, least=4, most=6, lines_heard=2, bills=[{"durationSeconds": 5}]
    )


def test_a_right_result_has_no_complaints() -> None:
    assert list(check(account(), RIGHT, LINES)) == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"end_reason": EndReason.CALLER_LEFT}, "ended as caller_left"),
        ({"duration_seconds": 7}, "is billed 7 s instead of 4 to 6 s"),
        ({"duration_seconds": 4}, "has several bills"),
        ({"room_deleted": False}, "was not cleaned up"),
        ({"errors": ("something is left",)}, "was not cleaned up"),
    ],
)
def test_wrong_summaries_are_found(changes: dict[str, Any], problem: str) -> None:
    found = check(account(), RIGHT.model_copy(update=changes), LINES)
    assert any(problem in each for each in found)


@pytest.mark.parametrize(
    "lines", [["line 1"], ["line 1", "line 1", "line 2"], ["line 2", "line 3"], ["line 2", "line 1"]]
)
def test_missing_doubled_and_unordered_lines_are_found(lines: list[str]) -> None:
    assert len(list(check(account(), RIGHT, lines))) == 1
