"""Finds and kills the process of a session's agent, on a machine that runs all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from pydantic import ValidationError
from temporalio.client import Client, WorkflowExecutionDescription

from api.gateway.session_handle import open_session
from connections.temporal_client import LazyClient
from contracts.agent import AgentPulse
from settings import Settings

_LAUNCH = "launch_agent"


class AgentProcesses(Protocol):
    """Kills agents."""

    async def kill(self, session_id: str) -> bool:
        """`kill -9` the agent that serves the session; False when none does.

        Raises `SessionNotFound`, `TemporalUnavailable`.
        """


class LocalAgentProcesses:
    """The agents of the local stack. Their heartbeats report their process ids to Temporal."""

    def __init__(self, client: LazyClient, settings: Settings, kill: Callable[[int, Settings], bool]) -> None:
        self._client = client
        self._settings = settings
        self._kill = kill

    async def kill(self, session_id: str) -> bool:
        """Read the process id from the last heartbeat, and kill it if it belongs to this stack."""
        session = await open_session(self._client, self._settings.temporal, session_id)
        pulse = await _pulse(session.client, await session.describe())
        return pulse is not None and await asyncio.to_thread(self._kill, pulse.pid, self._settings)


async def _pulse(client: Client, described: WorkflowExecutionDescription) -> AgentPulse | None:
    """The last heartbeat of the session's agent, or None before the first."""
    for activity in described.raw_description.pending_activities:
        if activity.activity_type.name == _LAUNCH and activity.heartbeat_details.payloads:
            try:
                (pulse,) = await client.data_converter.decode(activity.heartbeat_details.payloads, [AgentPulse])
            except (ValidationError, ValueError):  # the worker's own heartbeat, before the agent has joined
                continue
            return pulse if isinstance(pulse, AgentPulse) else None
    return None
