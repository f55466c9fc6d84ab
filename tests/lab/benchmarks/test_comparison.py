"""Goals of benchmark figures."""

from __future__ import annotations

from typing import Literal

import pytest

from lab.benchmarks.comparison import Goal, Row


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
def test_the_median_decides(of: Literal["ratio", "added", "p50"], limit: float, met: bool) -> None:
    row = Row("reply", [0.9, 1.2, 9.0], [0.7, 0.8, 5.0], "plain reply", goal=Goal(limit, of))
    assert row.met is met


def test_a_goal_without_values_is_not_met() -> None:
    assert Row("reply", [], goal=Goal(1.0, "p50")).met is False
    assert Row("reply", [1.0], goal=Goal(1.0, "added")).met is False
    assert Row("reply", [1.0]).met is None
