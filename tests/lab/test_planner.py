"""Plans."""

from __future__ import annotations

import pytest

from lab.planner import arrivals


@pytest.mark.parametrize(
    ("a_second", "until", "times"),
    [(0.5, 4, [0, 2]), (0.5, 4.5, [0, 2, 4]), (2, 1, [0, 0.5]), (0.01, 60, [0]), (1, 0, [])],
)
def test_arrivals_have_a_fixed_rate(a_second: float, until: float, times: list[float]) -> None:
    assert arrivals(a_second, until) == times
