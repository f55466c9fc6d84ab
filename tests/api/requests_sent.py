"""Counts the requests generated from the OpenAPI document, for a line at the end of the run."""

from __future__ import annotations

from collections import Counter

SENT: Counter[str] = Counter()
"""By operation, such as `GET /health`."""


def summary() -> str:
    """One line for the terminal."""
    return f"schemathesis: {SENT.total():,} requests to {len(SENT)} operations"
