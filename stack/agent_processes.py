"""The processes that agents run in, on a machine that has all of them: for the playground's button that kills one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from pydantic import ValidationError
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.service import RPCError, RPCStatusCode

from api.gateway.outages import LOST, unreachable
from connections.temporal_client import LazyClient
from contracts.agent import AgentPulse
from contracts.identities import is_session_id
from errors import SessionNotFound, TemporalUnavailable
from settings import Settings

_ANSWER_SECONDS = 5.0
_LAUNCH = "launch_agent"


class AgentProcesses(Protocol):
    """Where agents can be killed."""

    async def kill(self, session_id: str) -> bool:
        """`kill -9` of the agent that serves the session; False when none does.

        Raises `SessionNotFound`, `TemporalUnavailable`.
        """


class LocalAgentProcesses:
    """The agents of the local stack: their heartbeats tell Temporal which process each of them is."""

    def __init__(self, client: LazyClient, settings: Settings, kill: Callable[[int, Settings], bool]) -> None:
        self._client = client
        self._settings = settings
        self._kill = kill

    async def kill(self, session_id: str) -> bool:
        """Ask Temporal for the process id, and kill it if it is one of this stack's."""
        client = await self._client.get()
        if not is_session_id(session_id):
            raise SessionNotFound(f"Session {session_id} not found")
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                described = await client.get_workflow_handle(session_id).describe()
        except LOST as error:
            if isinstance(error, RPCError) and error.status is RPCStatusCode.NOT_FOUND:
                raise SessionNotFound(f"Session {session_id} not found") from error
            raise TemporalUnavailable(unreachable(self._settings.temporal)) from error
        pulse = await _pulse(client, described)
        return pulse is not None and await asyncio.to_thread(self._kill, pulse.pid, self._settings)


async def _pulse(client: Client, described: WorkflowExecutionDescription) -> AgentPulse | None:
    """What the session's agent said in its last heartbeat; None while it has not said anything."""
    for activity in described.raw_description.pending_activities:
        if activity.activity_type.name == _LAUNCH and activity.heartbeat_details.payloads:
            try:
                (pulse,) = await client.data_converter.decode(activity.heartbeat_details.payloads, [AgentPulse])
            except (ValidationError, ValueError):  # the worker's own words, before the agent has come
                continue
            return pulse if isinstance(pulse, AgentPulse) else None
    return None
