"""The metrics in docs/OPERATIONS.md are those that the API serves."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from tests.docs.whole_app import whole_app

TEXT = (Path(__file__).parents[2] / "docs/OPERATIONS.md").read_text()
_SAMPLE = re.compile(r"^(\w+(?:\{[^}]*\})?) [0-9.e+-]+$", flags=re.MULTILINE)
_HELP = re.compile(r"^# (?:HELP|TYPE) .+$", flags=re.MULTILINE)


async def test_documented_metrics_are_served() -> None:
    (shown,) = re.findall(r"^curl http://127\.0\.0\.1:8000/metrics\n```\n```\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(whole_app()), base_url="http://localhost") as http:
        served = (await http.get("/metrics")).text
    assert len(_SAMPLE.findall(shown)) > 10
    for found in (_SAMPLE, _HELP):
        assert set(found.findall(shown)) <= set(found.findall(served))
    left = [line for line in shown.splitlines() if not _SAMPLE.match(line) and not _HELP.match(line)]
    assert set(left) <= {"..."}
