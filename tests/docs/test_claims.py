"""Make targets, files, links, headings, modules and routes named in documents exist."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path

from api.app import create_app
from tests.docs.whole_app import whole_app

ROOT = Path(__file__).parents[2]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
ROUTES = {"/docs", "/redoc", "/openapi.json", "/playground", *whole_app().openapi()["paths"]}
AGENT_HEALTH_ROUTES = {"/", "/worker"}
_CODE = re.compile(r"```.*?```|`[^`\n]+`", flags=re.DOTALL)
_FILE = re.compile(r"^[\w.-]+(/[\w.-]+)*/?(\.(py|md|toml|yml|yaml|json|example|lock)|/)$")
_CREATED_AT_RUN_TIME = (".state/", ".env", ".venv/")


def code(document: Path) -> list[str]:
    return [found.strip("`") for found in _CODE.findall(document.read_text())]


def headings(document: Path) -> set[str]:
    """The anchors that GitHub gives to headings."""
    titles = re.findall(r"^#+ (.+)$", document.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_make_targets_exist(document: Path) -> None:
    # "Bees make honey" is no command: one stands at the start of a line, or after a sign or a value.
    command = re.compile(r"(?:^|[^a-z] )make ([a-z]+)", re.MULTILINE | re.IGNORECASE)
    named = {target for text in code(document) for target in command.findall(text)}
    assert named <= TARGETS


def test_links_have_a_target(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


def test_named_files_exist(document: Path) -> None:
    """Paths in back quotes, from the root or the document's folder; in code blocks, every path of a Python file."""
    named = {word for text in code(document) for word in text.split() if _FILE.match(word)}
    named |= {word for text in code(document) for word in re.findall(r"\b[a-z_]+(?:/[a-z_]+)+\.py\b", text)}
    for path in named:
        created = path.startswith(_CREATED_AT_RUN_TIME)
        assert created or (ROOT / path).exists() or (document.parent / path).exists(), path


def test_named_modules_exist(document: Path) -> None:
    for text in code(document):
        for module in re.findall(r"python -m ([\w.]+)", text):
            assert importlib.util.find_spec(module), module


def test_named_routes_exist(document: Path) -> None:
    for text in code(document):
        for named in re.findall(r"(?:GET |POST |localhost:8000|your-app[\w.-]*)(/[\w/{}.-]*)", text):
            route = re.sub(r"session_\d+_[0-9a-f]+", "{sessionId}", named).replace(
                "/codec/default/", "/codec/{namespace}/"
            )
            assert route in ROUTES | AGENT_HEALTH_ROUTES, route
        if re.fullmatch(r"/(api|codec|webhook|health|docs|redoc)[\w/]*", text):
            assert text in ROUTES


def test_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    versions = re.findall(
        r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert versions[0] == project["version"]
    assert create_app().version == project["version"]
    assert f"voice-assistant-orchestrator:{project['version']}" in (ROOT / "docker-compose.yml").read_text()
