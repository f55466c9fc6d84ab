"""Runs workflows and activities. Any number of workers may run; Temporal distributes the sessions."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from datetime import timedelta

from temporalio import workflow
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from activities.interface import AgentActivities, SessionActivities
from activities.livekit_activities import LiveKitActivities
from activities.session_listing import SessionListing
from connections.livekit_client import livekit_api
from connections.temporal_client import connect
from contracts import search_attributes
from errors import SetupError
from settings import Settings
from telemetry import logs
from telemetry.temporal_sdk import session_of_call, worker_runtime
from telemetry.temporal_traces import temporal_interceptors
from telemetry.traces import tracer_provider
from workflows.slots.session_slots import SessionSlots
from workflows.voice_session import VoiceSession
from workflows.webhooks.delivery import WebhookDelivery

_GRACE = timedelta(seconds=10)


def build_worker(
    client: Client, activities: SessionActivities, task_queue: str, agents: AgentActivities | None = None
) -> Worker:
    """The worker of production, the local stack and the tests. `agents` run in it where there are no agent hosts."""
    return Worker(
        client,
        task_queue=task_queue,
        workflows=[VoiceSession, WebhookDelivery, SessionSlots],
        activities=[
            activities.issue_join_token,
            activities.look_at_room,
            activities.close_room,
            activities.deliver_webhook,
            SessionListing(client).running_sessions,
            *((agents.launch_agent, agents.adopt_agent) if agents else ()),
        ],
        workflow_runner=workflow_runner(),
        graceful_shutdown_timeout=_GRACE,
        # Heartbeats deliver the cancellation of a launch: the default, 80 % of the timeout, would delay every end.
        max_heartbeat_throttle_interval=timedelta(milliseconds=200),
        default_heartbeat_throttle_interval=timedelta(milliseconds=200),
        # A session waits this long for its last worker when that was killed; the default is 10 s.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
    )


def workflow_runner() -> SandboxedWorkflowRunner:
    """The workflow sandbox of workers and replays.

    Importing our modules anew for every session would add 10 ms to its start. The import table in pyproject.toml keeps
    them pure, and the replay tests deterministic.
    """
    ours = ("contracts", "activities", "workflows")
    theirs = ("pydantic", "opentelemetry")  # traces need one context inside and outside
    return SandboxedWorkflowRunner(SandboxRestrictions.default.with_passthrough_modules(*theirs, *ours))


async def require_search_attributes(client: Client) -> None:
    """Raise `SetupError` if the namespace lacks a search attribute, which every session needs from its first task."""
    try:
        known = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
    except RPCError as error:
        if error.status not in (RPCStatusCode.UNIMPLEMENTED, RPCStatusCode.PERMISSION_DENIED):
            raise
        return  # Temporal Cloud does not offer this call
    missing = {name: kind for name, kind in search_attributes.TYPES.items() if name not in known.custom_attributes}
    if missing:
        wanted = " ".join(f"--name {name} --type {kind}" for name, kind in missing.items())
        raise SetupError(
            f"Namespace {client.namespace} lacks search attributes. Register them once: "
            f"temporal operator search-attribute create --namespace {client.namespace} {wanted}"
        )


async def main() -> None:
    """Serve until SIGTERM or SIGINT, then finish running tasks."""
    settings = Settings()
    logs.configure(settings.telemetry.log_format, session_of_call)
    # The session's id stands in each message; the rest of a workflow's info is noise to a reader.
    workflow.logger.workflow_info_on_message = False
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signum, stop.set)
    client = await connect(
        settings.temporal,
        interceptors=temporal_interceptors(tracer_provider(settings.telemetry, "voice-worker")),
        runtime=worker_runtime(settings.telemetry),
    )
    await require_search_attributes(client)
    async with livekit_api(settings.livekit) as livekit:
        activities = LiveKitActivities(settings, livekit)
        async with build_worker(client, activities, settings.temporal.task_queue):
            logging.getLogger("worker").info("serving task queue %s", settings.temporal.task_queue)
            await stop.wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except SetupError as error:
        sys.exit(str(error))
