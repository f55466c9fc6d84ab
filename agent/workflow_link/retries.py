"""Retries of calls to Temporal during an outage."""

from __future__ import annotations

import logging

from temporalio.service import RPCError, RPCStatusCode
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_never
from tenacity.stop import stop_base
from tenacity.wait import wait_base


def is_outage(error: BaseException) -> bool:
    """True if the same call may succeed later. NOT_FOUND is final: the workflow or the task token is closed."""
    if isinstance(error, RPCError):
        return error.status is not RPCStatusCode.NOT_FOUND
    # A plain RuntimeError is how the SDK reports that its first connection failed.
    return isinstance(error, TimeoutError) or type(error) is RuntimeError


def retry_outages(logger: logging.Logger, call: str, wait: wait_base, *, stop: stop_base = stop_never) -> AsyncRetrying:
    """Repeat a call until Temporal answers it; raise its final answer, or the last outage after `stop`."""

    def log(state: RetryCallState) -> None:
        error = state.outcome and state.outcome.exception()
        reason = error.status.name if isinstance(error, RPCError) else type(error).__name__
        logger.warning("Temporal did not accept %s (%s): retrying", call, reason)

    return AsyncRetrying(retry=retry_if_exception(is_outage), wait=wait, stop=stop, before_sleep=log, reraise=True)
