"""docs/CONFIGURATION.md names every setting with its default, and no other."""

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
OF_THE_COMPOSE_FILE = set(
    re.findall(r"^#?([A-Z_]+)=", (ROOT / "deploy/compose.env.example").read_text(), flags=re.MULTILINE)
)
_PREFIXES = ("TEMPORAL_", "CODEC_", "LIVEKIT_", "API_", "AGENT_", "LLM_", "STACK_", "WEBHOOK_")


def test_every_setting_has_its_row() -> None:
    assert sorted(name for name, _ in ROWS) == sorted(variables(Settings()))


def test_rows_show_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    # Each value is read as a setting, so that 120 and 120.0 are the same and a changed default is not.
    defaults = variables(Settings())
    shown = {name: "" if default == "empty" else default.strip("`") for name, default in ROWS}
    assert {name for name, text in shown.items() if not text} == {name for name, text in defaults.items() if not text}
    for name, text in shown.items():
        monkeypatch.setenv(name, text)
    assert variables(Settings()) == defaults


def test_settings_that_are_named_exist(document: Path) -> None:
    known = {*variables(Settings()), *OF_THE_COMPOSE_FILE}
    named = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", document.read_text()))
    assert {name for name in named if name.startswith(_PREFIXES)} <= known
