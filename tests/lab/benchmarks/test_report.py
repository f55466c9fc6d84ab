"""When a figure has reached its goal."""

from __future__ import annotations

from typing import Literal

import pytest

from lab.benchmarks.report import Goal, Row


@pytest.mark.parametrize(
    ("of", "limit", "met"),
    [
        ("p50", 1.2, True),
        ("p50", 1.1, False),
        ("ratio", 1.5, True),
        ("ratio", 1.4, False),
        ("added", 0.41, True),
        ("added", 0.39, False),
    ],
)
def test_the_median_counts(of: Literal["ratio", "added", "p50"], limit: float, met: bool) -> None:
    row = Row("reply", [0.9, 1.2, 9.0], [0.7, 0.8, 5.0], "plain reply", goal=Goal(limit, of))
    assert row.met is met


def test_what_was_not_measured_reached_nothing() -> None:
    assert Row("reply", [], goal=Goal(1.0, "p50")).met is False
    assert Row("reply", [1.0], goal=Goal(1.0, "added")).met is False
    assert Row("reply", [1.0]).met is None
