"""The playground of the local stack: on by default, and able to kill only this stack's processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import ApiSettings, PlaygroundSettings, Settings, StackSettings
from stack.playground import kill, with_playground
from stack.processes.orphans import MARK
from stack.processes.programs import programs
from stack.servers.find import Servers


def test_defaults_are_on() -> None:
    page = with_playground(Settings()).playground
    assert (page.enabled, page.kill_agent, page.temporal_ui_url) == (True, True, "http://localhost:8233")


def test_explicit_settings_are_kept() -> None:
    explicit = PlaygroundSettings(enabled=False, kill_agent=False, temporal_ui_url="https://temporal.example")
    assert with_playground(Settings(playground=explicit)).playground == explicit


def test_the_kill_button_is_off_beyond_loopback() -> None:
    assert with_playground(Settings(api=ApiSettings(host="::"))).playground.kill_agent is False


def test_the_page_is_refused_with_api_keys() -> None:
    assert with_playground(Settings(api=ApiSettings(keys_file=Path("keys.json")))).playground.enabled is False


@pytest.mark.parametrize(("kill_agent", "module"), [(True, "stack.local_api"), (False, "api")])
def test_the_api_has_the_kill_button_only_where_it_is_set(tmp_path: Path, *, kill_agent: bool, module: str) -> None:
    settings = Settings(playground=PlaygroundSettings(kill_agent=kill_agent))
    [program] = programs(settings, ["api"], tmp_path, Servers(Path("temporal"), Path("livekit")))
    assert program.command[-1] == module


@pytest.fixture
def child(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the stack whose state is in `tmp_path`."""
    with subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, env={**os.environ, MARK: str(tmp_path)}
    ) as process:
        yield process
        process.kill()


def of(state_dir: Path) -> Settings:
    return Settings(stack=StackSettings(state_dir=state_dir))


def test_a_process_of_the_stack_is_killed(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert kill(child.pid, of(tmp_path))
    assert child.wait(5) == -9


def test_a_process_of_another_stack_is_not_killed(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert not kill(child.pid, of(tmp_path / "another"))
    assert not kill(os.getpid(), of(tmp_path))
    assert child.poll() is None
