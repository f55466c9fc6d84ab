"""Questions that only a worker can answer, and what it means when none does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from temporalio.api.errordetails.v1 import WorkflowNotReadyFailure
from temporalio.client import Client, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from api.gateway.outages import LOST, is_reachable, unreachable
from errors import NoWorkerAnswered, SessionNotFound, TemporalUnavailable
from settings import TemporalSettings

_ANSWER_SECONDS = 5.0

T = TypeVar("T")


async def answer(
    question: Awaitable[T], *, session_id: str, what: str, nothing: T, client: Client, settings: TemporalSettings
) -> T:
    """The answer to a query; `nothing` for a session that was closed before a worker took it.

    Raises `SessionNotFound`, `NoWorkerAnswered` with a text that says `what` was asked for, `TemporalUnavailable`.
    """
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            return await question
    except (*LOST, WorkflowQueryFailedError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
            raise SessionNotFound(f"Session {session_id} not found") from error
        if _never_began(error):
            return nothing
        if await is_reachable(client):
            raise NoWorkerAnswered(f"No worker could read the {what} in time; ask again.") from error
        raise TemporalUnavailable(unreachable(settings)) from error


def _never_began(error: Exception) -> bool:
    """Whether Temporal says that no worker has taken the workflow, so that nothing happened in it."""
    details = error.grpc_status.details if isinstance(error, RPCError) else ()
    return any(detail.Is(WorkflowNotReadyFailure.DESCRIPTOR) for detail in details)
