"""A short soak: 24 sessions, some kills, no wrong result."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.soak.run import soak
from lab.soak.scripts import draw

pytestmark = pytest.mark.slow


async def test_sessions_survive_kills_of_workers_and_apis(tmp_path: Path) -> None:
    plan = draw(5, sessions=24, seconds=15, kill_every_seconds=4)
    result = await soak(plan, tmp_path, progress=lambda _: None)
    assert result.found.wrong == []
    assert sum(result.found.ended.values()) == len(plan.scripts)
    assert result.found.bills >= len(plan.scripts)
    assert result.found.replayed >= len(plan.scripts)
    assert result.kills.total() >= 2
