"""Fails the task token of an agent whose process has ended, so that its session launches the next generation.

Uses Temporal's bare service, since the sentinel runs this too: `temporalio.client` and pydantic would double that
process.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure
from temporalio.api.workflowservice.v1 import RespondActivityTaskFailedRequest
from temporalio.service import RPCError, WorkflowService
from tenacity import stop_after_delay, wait_fixed

from agent.workflow_link.retries import is_outage, retry_outages

logger = logging.getLogger("agent.host.task_tokens")

_TIMEOUT = timedelta(seconds=3)
_PAUSE_SECONDS = 0.2
_RETRY_SECONDS = 10.0
"""After a longer outage Temporal times the agent's heartbeat out by itself."""


async def fail_token(
    service: WorkflowService,
    namespace: str,
    task_token: bytes,
    *,
    failure_type: str,
    message: str,
    at_ms: int,
    retry_seconds: float = _RETRY_SECONDS,
) -> bool:
    """Fail one token as an `ApplicationError` of this type; repeat it for `retry_seconds` during an outage.

    `at_ms`, the Unix time at which the process ended, is its detail: the conversation is billed until then.
    True if the token was open. False if its agent had left or was replaced, or if the outage lasted longer.
    """
    details = Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=str(at_ms).encode())])
    info = ApplicationFailureInfo(type=failure_type, details=details)
    request = RespondActivityTaskFailedRequest(
        namespace=namespace, task_token=task_token, failure=Failure(message=message, application_failure_info=info)
    )
    retrying = retry_outages(
        logger, "an agent's failure", wait_fixed(_PAUSE_SECONDS), stop=stop_after_delay(retry_seconds)
    )
    try:
        await retrying(service.respond_activity_task_failed, request, timeout=_TIMEOUT)
    except (RPCError, RuntimeError) as error:
        if is_outage(error):
            logger.warning("could not report an agent's failure; its heartbeat will time out instead")
        return False
    return True
