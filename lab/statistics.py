"""Statistics of measured values. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: always a measured value. `values` must not be empty."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def median(values: Sequence[float]) -> float | None:
    """The middle value; None if there are no values."""
    return percentile(values, 0.5) if values else None


def known(values: Iterable[float | None]) -> list[float]:
    """The values without those that are None."""
    return [value for value in values if value is not None]


def summary(values: Sequence[float]) -> dict[str, float]:
    """`min`, `p50`, `p99` and `max`; empty if there are no values."""
    if not values:
        return {}
    return {
        "min": min(values),
        "p50": percentile(values, 0.5),
        "p99": percentile(values, 0.99),
        "max": max(values),
    }
