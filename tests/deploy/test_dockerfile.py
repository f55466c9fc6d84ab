"""The image: its Dockerfile passes the linter and copies all that its commands import."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
STAGES = re.split(r"^(?=FROM )", DOCKERFILE, flags=re.MULTILINE)[1:]


def copied(stage: str) -> list[tuple[str, str]]:
    """Sources and destinations of the stage's COPY lines, except those from other stages."""
    pairs = []
    for line in re.findall(r"^COPY (?!--from)(.*)$", stage, flags=re.MULTILINE):
        *sources, destination = shlex.split(line)
        pairs += [(source, destination) for source in sources]
    return pairs


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of the image, by the last stage's COPY lines."""
    folder = tmp_path_factory.mktemp("image")
    for source, destination in copied(STAGES[-1]):
        target = folder / destination / Path(source).name if destination.endswith("/") else folder / destination
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / source, target)
    return folder


def test_linter_finds_nothing() -> None:
    linter = Path(sys.executable).parent / "hadolint"
    command = [linter, ROOT / "Dockerfile"]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    assert (checked.returncode, checked.stdout) == (0, "")


def test_image_holds_all_that_its_commands_import(image: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": ""}
    code = (
        "import api.__main__, worker, agent.__main__, agent.speech.embedded.model_server\n"
        # What job processes and the speech server load by themselves.
        "from agent.speech import pipeline, local\n"
        "from agent.speech.embedded import hibari_tts, moonshine_stt, speech_server"
    )
    command = [sys.executable, "-c", code]
    imported = subprocess.run(command, cwd=image, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert imported.returncode == 0, imported.stderr


def test_build_context_holds_only_copied_files() -> None:
    ignore = (ROOT / ".dockerignore").read_text()
    assert re.search(r"^\*$", ignore, flags=re.MULTILINE), "it excludes everything else"
    let_in = set(re.findall(r"^!(.+)$", ignore, flags=re.MULTILINE))
    assert let_in == {source.split("/")[0] for stage in STAGES for source, _ in copied(stage)}


def test_uv_version_is_that_of_bootstrap() -> None:
    spec = importlib.util.spec_from_file_location("bootstrap", ROOT / "scripts/bootstrap.py")
    assert spec and spec.loader
    bootstrap = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bootstrap)
    assert f"FROM ghcr.io/astral-sh/uv:{bootstrap.UV_VERSION} AS uv" in DOCKERFILE
