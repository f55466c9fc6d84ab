"""Waiting for something that can only be asked."""

from __future__ import annotations

import time
from collections.abc import Callable

from errors import SetupError

_PAUSE_SECONDS = 0.05


def wait_until(not_ready: Callable[[], str | None], timeout_seconds: float, what: str) -> None:
    """Ask until `not_ready` gives None. Raises SetupError with its last reason when the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while reason := not_ready():
        if time.monotonic() > deadline:
            raise SetupError(f"{what} was not ready within {timeout_seconds:.0f} s: {reason}")
        time.sleep(_PAUSE_SECONDS)
