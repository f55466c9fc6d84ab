"""One line a step, with the time it took: what a person sees while something slow happens."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_HEARTBEAT_SECONDS = 5.0
_printing = threading.Lock()


def say(text: str) -> None:
    """Print one line at once and whole, also when several threads report."""
    with _printing:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


@contextmanager
def still_working(what: str, every_seconds: float = _HEARTBEAT_SECONDS) -> Iterator[None]:
    """Repeat `what` with the elapsed time every few seconds while the block runs."""
    done = threading.Event()
    started = time.monotonic()

    def report() -> None:
        while not done.wait(every_seconds):
            say(f"  {what} ... {time.monotonic() - started:.0f} s")

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    try:
        yield
    finally:
        done.set()
        reporter.join()
