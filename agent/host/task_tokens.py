"""Fails the task token of an agent that cannot speak for itself any more, so that its session launches the next one.

Written against Temporal's bare service: the sentinel uses it too, and `temporalio.client` and pydantic would make up
half of that process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta

from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.workflowservice.v1 import RespondActivityTaskFailedRequest
from temporalio.service import RPCError, RPCStatusCode, WorkflowService

logger = logging.getLogger("agent.host.task_tokens")

_TIMEOUT = timedelta(seconds=3)
_PAUSE_SECONDS = 0.2
_RETRY_SECONDS = 10.0
"""Temporal, back after a longer absence, times the agent's heartbeat out by itself."""


async def fail_token(
    service: WorkflowService,
    namespace: str,
    task_token: bytes,
    *,
    failure_type: str,
    message: str,
    retry_seconds: float = _RETRY_SECONDS,
) -> bool:
    """Fail one token as an `ApplicationError` of this type; tried again for a while where Temporal is away.

    True when the token was open until now. False when it was not, since its agent left in order or had been given
    up, and when Temporal did not come back in time.
    """
    request = RespondActivityTaskFailedRequest(
        namespace=namespace,
        task_token=task_token,
        failure=Failure(message=message, application_failure_info=ApplicationFailureInfo(type=failure_type)),
    )
    give_up_at = time.monotonic() + retry_seconds
    while True:
        try:
            await service.respond_activity_task_failed(request, timeout=_TIMEOUT)
        except (RPCError, RuntimeError) as error:  # RuntimeError: the first connection could not be made
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                return False
            if time.monotonic() >= give_up_at:
                logger.warning("Temporal does not take the loss of an agent; the heartbeat will tell: %s", error)
                return False
        else:
            return True
        await asyncio.sleep(_PAUSE_SECONDS)
