"""The cache of servers: one process at a time makes an entry, and nobody ever sees a half-made one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from stack.progress import report, still_working


@contextmanager
def exclusive(target: Path, waiting_for: str) -> Iterator[None]:
    """Lock the making of `target`. A second process waits, and then finds it made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        report(f"  {waiting_for}: another process is fetching it; waiting")
        with still_working(f"{waiting_for}: waiting for another process"):
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def build_folder(target: Path) -> Iterator[Path]:
    """A temporary folder on the disk of `target`, so that the last step of a build is a rename."""
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".making-") as folder:
        yield Path(folder)


def put_in_place(made: Path, target: Path, mode: int = 0o755) -> None:
    """Make `made` appear as `target` in one step."""
    made.chmod(mode)
    if target.is_dir():
        shutil.rmtree(target)
    made.replace(target)
