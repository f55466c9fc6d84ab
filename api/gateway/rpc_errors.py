"""Maps the errors of calls to Temporal to the project's own, in one place."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.client import Client, RPCTimeoutOrCancelledError
from temporalio.service import RPCError, RPCStatusCode

from errors import NoWorkerAnswered, SessionNotFound, TemporalUnavailable
from settings import TemporalSettings

_log = logging.getLogger(__name__)

_PING_SECONDS = 0.5
_LOG_AGAIN_SECONDS = 60.0
_NO_CONNECTION = "Failed client connect"
"""Begins the text of the RuntimeError that the SDK raises when its first connection fails."""

_logged_at = float("-inf")


def has_status(error: BaseException | None, status: RPCStatusCode) -> bool:
    """True if Temporal answered with this status."""
    return isinstance(error, RPCError) and error.status is status


def is_outage(error: BaseException) -> bool:
    """True if a call to Temporal was not answered, or was answered with an error."""
    if isinstance(error, RuntimeError):
        return str(error).startswith(_NO_CONNECTION)
    return isinstance(error, TimeoutError | RPCTimeoutOrCancelledError | RPCError)


@asynccontextmanager
async def temporal_call(
    settings: TemporalSettings, seconds: float, session_id: str = "", failed: str = ""
) -> AsyncIterator[None]:
    """Limit a call to Temporal to `seconds`, and map its errors. `failed` is a prefix of their texts.

    Raises `SessionNotFound`, `TemporalUnavailable`.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except Exception as error:
        if session_id and has_status(error, RPCStatusCode.NOT_FOUND):
            raise SessionNotFound(session_id) from error
        if has_status(error, RPCStatusCode.INVALID_ARGUMENT):
            raise TemporalUnavailable(f"{failed}Temporal refused the question; workers log what it lacks.") from error
        if is_outage(error):
            raise unreachable(settings, failed) from error
        raise


def unreachable(settings: TemporalSettings, failed: str = "") -> TemporalUnavailable:
    """The error to raise. The address goes to the log only, at most once a minute."""
    global _logged_at  # noqa: PLW0603  a process has one log
    if (now := time.monotonic()) - _logged_at > _LOG_AGAIN_SECONDS:
        _logged_at = now
        _log.warning("Temporal is unreachable at %s", settings.address)
    return TemporalUnavailable(f"{failed}Temporal is unreachable.")


async def no_answer(
    client: Client, settings: TemporalSettings, no_worker: str, failed: str = ""
) -> TemporalUnavailable:
    """The error to raise when a call needed a worker: `NoWorkerAnswered` with this text if Temporal is reachable."""
    return NoWorkerAnswered(failed + no_worker) if await is_reachable(client) else unreachable(settings, failed)


async def is_reachable(client: Client) -> bool:
    """True if Temporal answers a ping."""
    try:
        async with asyncio.timeout(_PING_SECONDS):
            return await client.service_client.check_health()
    except Exception as error:
        if is_outage(error):
            return False
        raise
