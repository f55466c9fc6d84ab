"""tests/PITFALLS.md: each pitfall names an existing test or decision."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "tests" / "PITFALLS.md"
ROWS = re.findall(r"^\| ([A-Z]\d+) \| (.+) \| (.+) \| (.+) \|$", DOCUMENT.read_text(), flags=re.MULTILINE)
SECTIONS = {"A": range(1, 16), "B": range(16, 22), "C": range(22, 36), "D": range(36, 45)}
PITFALLS = [f"{section}{number}" for section, numbers in SECTIONS.items() for number in numbers]


@cache
def defined_in(path: Path) -> set[str]:
    """The test functions of a file, methods included."""
    tree = ast.parse(path.read_text())
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return {function.name for function in functions if function.name.startswith("test_")}


def test_each_pitfall_has_one_row() -> None:
    assert [name for name, *_ in ROWS] == PITFALLS


@pytest.mark.parametrize(("name", "pitfall", "answer", "held_by"), ROWS, ids=[row[0] for row in ROWS])
def test_named_tests_and_decisions_exist(name: str, pitfall: str, answer: str, held_by: str) -> None:
    assert pitfall.strip(), name
    named = re.findall(r"`([^`]+\.py)::(\w+)`", held_by)
    decisions = re.findall(r"\((\.\./docs/adr/\d{4}-[\w-]+\.md)\)", f"{answer} {held_by}")
    assert named or decisions
    for path, test in named:
        assert test in defined_in(ROOT / path), f"{path}::{test}"
    for decision in decisions:
        assert (DOCUMENT.parent / decision).is_file(), decision
