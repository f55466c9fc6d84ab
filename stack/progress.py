"""Progress lines for a person who waits: one a step, and a repeated one while something slow runs."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_REPEAT_SECONDS = 5.0
_printing = threading.Lock()


def report(text: str) -> None:
    """Print one line at once and whole, also when several threads report."""
    with _printing:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


@contextmanager
def still_working(what: str) -> Iterator[None]:
    """Repeat `what` with the elapsed time every few seconds while the block runs."""
    done = threading.Event()
    started = time.monotonic()

    def repeat() -> None:
        while not done.wait(_REPEAT_SECONDS):
            report(f"  {what} ... {time.monotonic() - started:.0f} s")

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
