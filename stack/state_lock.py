"""Allows one stack for each state folder, and finds the process of the stack that runs from one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from filelock import FileLock, Timeout

from errors import SetupError
from stack.processes.orphans import end_orphans


class StateLock:
    """The lock of a state folder. The system releases it when its process ends, however that ends."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._pid = state_dir / "stack.pid"
        # A stack may be started in one thread and stopped in another.
        self._lock = FileLock(state_dir / "stack.lock", thread_local=False)

    @property
    def held(self) -> bool:
        """True while this object holds the lock."""
        return self._lock.is_locked

    def acquire(self) -> None:
        """Take the lock. Raises SetupError that names the process of the stack that has it."""
        self._state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise SetupError(
                f"a stack already runs here (process {self._pid.read_text()}, state in {self._state_dir}); "
                "`make down` stops it"
            ) from None
        self._pid.write_text(str(os.getpid()))

    def release(self) -> None:
        """Let another stack start."""
        self._lock.release()

    def stop_holder(self) -> None:
        """Stop the stack that holds the lock, and wait until it has released it."""
        os.kill(int(self._pid.read_text()), signal.SIGTERM)
        with self._lock:
            pass


def stop_running(state_dir: Path) -> str:
    """Stop the stack whose state is in `state_dir` from another process; returns the outcome for a person to read."""
    state_dir = state_dir.resolve()
    if state_dir.exists():
        lock = StateLock(state_dir)
        try:
            lock.acquire()
        except SetupError:
            lock.stop_holder()
            return "The stack is stopped."
        orphans = end_orphans(state_dir)
        lock.release()
        if orphans:
            return f"The stack had been cut off; ended its remaining processes: {', '.join(orphans)}"
    return f"No stack runs from {state_dir}."
