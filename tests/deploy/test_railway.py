"""Railway's config files: one for each command, and nothing that the code does not know."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from api.app import create_app
from settings import Settings

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "deploy/railway").glob("*.toml"))


def read(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text())


def test_each_command_has_its_file() -> None:
    assert [file.stem for file in FILES] == ["agent", "api", "worker"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_service_is_built_from_the_dockerfile_and_comes_back(file: Path) -> None:
    config = read(file)
    assert config["build"] == {"builder": "DOCKERFILE", "dockerfilePath": "Dockerfile"}
    assert config["deploy"]["startCommand"] == f"python -m {file.stem}"
    assert config["deploy"]["restartPolicyType"] == "ALWAYS"
    assert isinstance(config["deploy"]["drainingSeconds"], int)  # Railway refuses texts here


def test_health_check_is_a_route() -> None:
    assert read(ROOT / "deploy/railway/api.toml")["deploy"]["healthcheckPath"] in create_app().openapi()["paths"]


def test_agent_is_stopped_after_its_drain() -> None:
    drained = read(ROOT / "deploy/railway/agent.toml")["deploy"]["drainingSeconds"]
    assert drained > Settings().agent.drain_seconds + 15  # and the jobs that are left then take their leave


def test_api_is_drained_for_longer_than_an_end_takes() -> None:
    drained = read(ROOT / "deploy/railway/api.toml")["deploy"]["drainingSeconds"]
    assert drained > Settings().api.end_timeout_seconds + 2  # what `api/__main__.py` waits for


def test_dockerfile_has_no_cache_mount() -> None:
    """Railway builds those only where they carry the id of the one service that they are for."""
    assert "--mount=type=cache,target" not in (ROOT / "Dockerfile").read_text()
