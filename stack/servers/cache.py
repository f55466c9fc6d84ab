"""The cache of servers: one maker at a time for each thing in it, and nothing half made is ever seen."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.progress import say, still_working


@contextmanager
def exclusive(target: Path, waiting_for: str) -> Iterator[None]:
    """Hold the right to make `target`; whoever comes second waits and then finds it made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name(f".{target.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"  {waiting_for}: another process is fetching it; waiting")
            with still_working(f"{waiting_for}: waiting for another process"):
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def workshop(target: Path) -> Iterator[Path]:
    """A folder beside `target` to make it in, so that the last step is a rename; gone afterwards."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as folder:
        yield Path(folder)


def put_in_place(made: Path, target: Path, mode: int = 0o755) -> None:
    """Make `made` appear as `target` in one step."""
    made.chmod(mode)
    if target.is_dir():
        shutil.rmtree(target)
    made.replace(target)
