"""Settings of a gateway on a Temporal dev server of a test's own."""

from __future__ import annotations

from dataclasses import replace

from settings import ApiSettings, Settings, TemporalSettings

QUEUE = "gateway-tests"


def settings_at(address: str) -> Settings:
    """Patience is short, so that what never answers is tried too."""
    return replace(
        Settings(),
        temporal=TemporalSettings(address=address, task_queue=QUEUE),
        api=ApiSettings(start_timeout_seconds=1.5, end_timeout_seconds=2.5),
    )
