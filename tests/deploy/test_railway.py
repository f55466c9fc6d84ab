"""Railway's config files agree with the code: one for each command, its health check and its draining time."""

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


def deploy(name: str) -> dict[str, Any]:
    section: dict[str, Any] = read(ROOT / f"deploy/railway/{name}.toml")["deploy"]
    return section


def test_each_command_has_its_file() -> None:
    assert [file.stem for file in FILES] == ["agent", "api", "worker"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.stem))
def test_service_is_built_from_the_dockerfile_and_restarted(file: Path) -> None:
    config = read(file)
    assert config["build"] == {"builder": "DOCKERFILE", "dockerfilePath": "Dockerfile"}
    assert config["deploy"]["startCommand"] == f"python -m {file.stem}"
    assert config["deploy"]["restartPolicyType"] == "ALWAYS"
    assert isinstance(config["deploy"]["drainingSeconds"], int)  # Railway refuses texts here


def test_health_check_is_a_route() -> None:
    assert deploy("api")["healthcheckPath"] in create_app().openapi()["paths"]


def test_draining_times_cover_drain_and_end_timeout() -> None:
    assert deploy("agent")["drainingSeconds"] > Settings().agent.drain_seconds + 15  # handover of the remaining jobs
    assert (
        deploy("api")["drainingSeconds"] > Settings().api.end_timeout_seconds + 2
    )  # `api/__main__.py` waits this long


def test_dockerfile_has_no_cache_mount() -> None:
    """Railway builds only those with the id of its own service."""
    assert "--mount=type=cache,target" not in (ROOT / "Dockerfile").read_text()
