"""Waits for something that sends no notice and must be polled."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

from tenacity import RetryCallState, Retrying, retry_if_result, stop_after_delay, wait_fixed

from errors import SetupError

_PAUSE_SECONDS = 0.05


def wait_until(not_ready: Callable[[], str | None], timeout_seconds: float, what: str) -> None:
    """Call `not_ready` until it returns None. Raises SetupError with its last reason after the timeout."""

    def give_up(state: RetryCallState) -> NoReturn:
        reason = state.outcome and state.outcome.result()
        raise SetupError(f"{what} was not ready within {timeout_seconds:.0f} s: {reason}")

    Retrying(
        retry=retry_if_result(bool),
        stop=stop_after_delay(timeout_seconds),
        wait=wait_fixed(_PAUSE_SECONDS),
        retry_error_callback=give_up,
    )(not_ready)
