"""Who may import what, who reads the environment, and how long a file may be."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = (
    "activities",
    "agent",
    "api",
    "benchmarks",
    "chaos",
    "console",
    "contracts",
    "scripts",
    "soak",
    "stack",
    "telemetry",
    "tests",
    "workflows",
)
SOURCES = sorted([*ROOT.glob("*.py"), *(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))])

DURABLE = [
    *(ROOT / name for name in ("contracts/identities.py", "activities/interface.py")),
    *sorted((ROOT / "contracts").glob("*.py")),
    *sorted((ROOT / "workflows").glob("*.py")),
]
"""What runs in a workflow: deterministic, so no I/O and no framework of the outer layers."""
DURABLE_MAY_IMPORT = {
    *("__future__", "asyncio", "collections", "dataclasses", "datetime", "enum", "functools", "hashlib", "math", "re"),
    *("secrets", "typing", "pydantic", "temporalio", "contracts", "identities", "activities.interface", "workflows"),
}

PASS_AN_ENVIRONMENT_ON = {"benchmarks", "scripts", "soak", "stack", "tests"}
"""Folders that start children and hand them an environment; they take no setting from it."""


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "."


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_sources_are_found() -> None:
    assert {"contracts/identities.py", "settings.py", "worker.py"} <= {named(path) for path in SOURCES}
    assert len(SOURCES) > 50


@pytest.mark.parametrize("path", DURABLE, ids=named)
def test_durable_code_imports_nothing_that_does_something(path: Path) -> None:
    for module in imported(ast.parse(path.read_text())):
        parts = module.split(".")
        prefixes = {".".join(parts[: i + 1]) for i in range(len(parts))}
        assert prefixes & DURABLE_MAY_IMPORT, f"{named(path)} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_only_the_settings_read_the_environment(path: Path) -> None:
    if path == ROOT / "settings.py" or path.relative_to(ROOT).parts[0] in PASS_AN_ENVIRONMENT_ON:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        assert name not in {"environ", "environb", "getenv"}, f"{named(path)}:{getattr(node, 'lineno', 0)}"


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_no_file_is_a_room_for_everything(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300
