"""The playground of the local stack: on by itself, and allowed to kill this stack's processes and no others."""

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


def test_what_is_left_open_is_on() -> None:
    page = with_playground(Settings()).playground
    assert (page.enabled, page.kill_agent, page.temporal_ui_url) == (True, True, "http://localhost:8233")


def test_what_the_user_says_stands() -> None:
    said = PlaygroundSettings(enabled=False, kill_agent=False, temporal_ui_url="https://temporal.example")
    assert with_playground(Settings(playground=said)).playground == said


def test_where_others_can_reach_the_api_nobody_may_kill() -> None:
    assert with_playground(Settings(api=ApiSettings(host="::"))).playground.kill_agent is False


def test_where_api_keys_are_asked_for_there_is_no_page() -> None:
    assert with_playground(Settings(api=ApiSettings(keys_file=Path("keys.json")))).playground.enabled is False


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


def test_a_process_of_another_stack_is_not(child: subprocess.Popen[bytes], tmp_path: Path) -> None:
    assert not kill(child.pid, of(tmp_path / "another"))
    assert not kill(os.getpid(), of(tmp_path))
    assert child.poll() is None
