"""An AgentServer that is started anew leaves the processor to the one that takes its sessions over."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from stack import unhurried

ROOT = Path(__file__).parents[2]


def test_only_the_same_keeper_begins_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "agent.began"
    assert [unhurried.is_again(mark), unhurried.is_again(mark)] == [False, True]
    monkeypatch.setattr("stack.unhurried.os.getppid", lambda: -1)
    assert not unhurried.is_again(mark), "the next life of the stack begins at once"


def test_it_becomes_the_module(tmp_path: Path) -> None:
    (tmp_path / "goal.py").write_text("import os, sys; print(os.getpid(), __name__, sys.argv[1:])")
    command = [sys.executable, "-m", "stack.unhurried", str(tmp_path / "mark"), "goal"]
    environment = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.communicate(timeout=20)[0].split() == [str(process.pid), "__main__", "[]"]
