"""The compose file with the variables of `deploy/compose.env.example` filled in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
_VARIABLE = re.compile(r"\$\{(?P<name>\w+):(?P<kind>[?-])(?P<text>[^}]*)\}")
_FILLED_IN = {
    "LIVEKIT_API_KEY": "compose-key",
    "LIVEKIT_API_SECRET": "a-secret-of-more-than-thirty-two-characters",
    "POSTGRES_PASSWORD": "postgres-password",
    "LIVEKIT_NODE_IP": "127.0.0.1",
    "LIVEKIT_PUBLIC_URL": "ws://127.0.0.1:7880",
}


def interpolated(text: str, values: dict[str, str]) -> str:
    """`text` with `${NAME:?why}` and `${NAME:-default}` replaced; the file uses no other form."""

    def value(found: re.Match[str]) -> str:
        if found["kind"] == "?":
            return values[found["name"]]
        return values.get(found["name"]) or found["text"]

    return _VARIABLE.sub(value, text)


@pytest.fixture(scope="session")
def compose_text() -> str:
    return (ROOT / "docker-compose.yml").read_text()


@pytest.fixture(scope="session")
def filled_in() -> dict[str, str]:
    """A value for each required variable of the example."""
    named = re.findall(r"^([A-Z_]+)=$", (ROOT / "deploy/compose.env.example").read_text(), flags=re.MULTILINE)
    assert sorted(named) == sorted(_FILLED_IN)
    return dict(_FILLED_IN)


@pytest.fixture(scope="session")
def services(compose_text: str, filled_in: dict[str, str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = yaml.safe_load(interpolated(compose_text, filled_in))["services"]
    return found


@pytest.fixture(scope="session")
def variables_of_compose(compose_text: str) -> Callable[[str], dict[str, set[str]]]:
    """`variables_of_compose("?")`: required ones with their messages; `("-")`: optional ones with their defaults."""

    def of_kind(kind: str) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for match in _VARIABLE.finditer(compose_text):
            if match["kind"] == kind:
                found.setdefault(match["name"], set()).add(match["text"])
        return found

    return of_kind
