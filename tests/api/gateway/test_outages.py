"""What is said of a Temporal that does not answer, and to whom."""

from __future__ import annotations

import pytest

from api.gateway import outages
from settings import TemporalSettings


def test_customers_are_not_told_where_temporal_is_and_the_log_is_told_now_and_then(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outages, "_told_at", float("-inf"))
    settings = TemporalSettings(address="temporal.internal:7233")
    assert {outages.unreachable(settings) for _ in range(100)} == {"Temporal is unreachable."}
    assert caplog.messages == ["Temporal is unreachable at temporal.internal:7233"]
    monkeypatch.setattr(outages, "_TOLD_AGAIN_SECONDS", -1.0)
    outages.unreachable(settings)
    assert len(caplog.messages) == 2
