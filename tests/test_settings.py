"""`.env.example` lists exactly the settings, with their defaults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from settings import Settings
from stack.env_vars import variables

EXAMPLE = Path(__file__).parent.parent / ".env.example"


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """Every variable with its default, whatever the environment of the test run."""
    for name in (*variables(Settings()), "PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return variables(Settings())


def test_example_lists_exactly_the_settings(defaults: dict[str, str]) -> None:
    named = re.findall(r"^([A-Z_]+)=", EXAMPLE.read_text(), flags=re.MULTILINE)
    assert sorted(named) == sorted(defaults)


def test_example_shows_the_defaults(defaults: dict[str, str], tmp_path: Path) -> None:
    # Values are parsed as settings, so that 120 equals 120.0.
    shown = dict(re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE.read_text(), flags=re.MULTILINE))
    assert {name for name, text in shown.items() if not text} == {name for name, text in defaults.items() if not text}
    (tmp_path / ".env").write_text(EXAMPLE.read_text())
    assert variables(Settings()) == defaults


def test_variables_round_trip(monkeypatch: pytest.MonkeyPatch, defaults: dict[str, str]) -> None:
    for name, text in {**defaults, "API_PORT": "17001", "LIVEKIT_API_SECRET": "s", "AGENT_TEXT_INPUT": "true"}.items():
        monkeypatch.setenv(name, text)
    settings = Settings()
    assert (settings.api.port, settings.livekit.api_secret.get_secret_value(), settings.agent.text_input) == (
        17001,
        "s",
        True,
    )
