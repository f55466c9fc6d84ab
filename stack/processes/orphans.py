"""Finds every process of a stack, children of children included, by a variable that they inherit, and ends them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

MARK = "VOICE_STACK"


def marked(state_dir: Path) -> list[psutil.Process]:
    """The live processes of the stack whose state is in `state_dir`, whatever their parent is by now."""
    return list(_marked(str(state_dir)))


def end_orphans(state_dir: Path, grace_seconds: float = 3) -> list[str]:
    """Terminate, then kill, the remaining processes of a stack; returns their process ids."""
    found = marked(state_dir)
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(found, grace_seconds)
    # Searched again: a child may have been started in the meantime.
    for process in {*alive, *marked(state_dir)}:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, grace_seconds)
    return [f"{process.pid}" for process in found]


def _marked(value: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == value:
                yield process
