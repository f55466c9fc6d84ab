"""docs/PITFALLS.md: each trap has a test that exists, or a decision that says why not."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "PITFALLS.md"
ROWS = re.findall(r"^\| ([A-Z]\d+) \| (.+) \| (.+) \| (.+) \|$", DOCUMENT.read_text(), flags=re.MULTILINE)
SECTIONS = {"A": range(1, 16), "B": range(16, 22), "C": range(22, 36), "D": range(36, 45)}
TRAPS = [f"{section}{number}" for section, numbers in SECTIONS.items() for number in numbers]


@cache
def defined_in(path: Path) -> set[str]:
    """The test functions of a file, and those of its classes."""
    tree = ast.parse(path.read_text())
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def test_each_trap_has_one_row() -> None:
    assert [name for name, *_ in ROWS] == TRAPS


@pytest.mark.parametrize(("name", "trap", "answer", "held_by"), ROWS, ids=[row[0] for row in ROWS])
def test_what_holds_it_exists(name: str, trap: str, answer: str, held_by: str) -> None:
    assert trap.strip(), name
    named = re.findall(r"`([^`]+\.py)::(\w+)`", held_by)
    decisions = re.findall(r"\((adr/\d{4}-[\w-]+\.md)\)", f"{answer} {held_by}")
    assert named or decisions
    for path, test in named:
        assert test in defined_in(ROOT / path), f"{path}::{test}"
    for decision in decisions:
        assert (DOCUMENT.parent / decision).is_file(), decision


def test_a_test_that_does_not_exist_would_be_noticed() -> None:
    assert "test_replay" in defined_in(ROOT / "tests/replay/test_replay.py")
    assert "test_of_nothing" not in defined_in(ROOT / "tests/replay/test_replay.py")
