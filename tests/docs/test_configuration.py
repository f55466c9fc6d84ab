"""docs/CONFIGURATION.md lists exactly the settings, with their defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from settings import Settings
from stack.env_vars import variables

ROOT = Path(__file__).parents[2]
ROWS = re.findall(
    r"^\| `([A-Z_]+)` \| (`[^`]+`|empty) \|", (ROOT / "docs/CONFIGURATION.md").read_text(), flags=re.MULTILINE
)
COMPOSE_VARIABLES = set(
    re.findall(r"^#?([A-Z_]+)=", (ROOT / "deploy/compose.env.example").read_text(), flags=re.MULTILINE)
)
_PREFIXES = ("TEMPORAL_", "CODEC_", "LIVEKIT_", "API_", "AGENT_", "LLM_", "STACK_", "WEBHOOK_")


def test_rows_are_the_settings() -> None:
    assert sorted(name for name, _ in ROWS) == sorted(variables(Settings()))


def test_rows_show_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    # Values are parsed as settings, so that 120 equals 120.0.
    defaults = variables(Settings())
    shown = {name: "" if default == "empty" else default.strip("`") for name, default in ROWS}
    assert {name for name, text in shown.items() if not text} == {name for name, text in defaults.items() if not text}
    for name, text in shown.items():
        monkeypatch.setenv(name, text)
    assert variables(Settings()) == defaults


def test_named_settings_exist(document: Path) -> None:
    known = {*variables(Settings()), *COMPOSE_VARIABLES}
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", document.read_text()))
    assert {name for name in named if name.startswith(_PREFIXES)} <= known
