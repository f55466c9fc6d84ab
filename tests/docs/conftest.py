"""Parametrizes tests with every Markdown file of the project."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/**/*.md")])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with the argument `document` for each of them."""
    if "document" in metafunc.fixturenames:
        metafunc.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
