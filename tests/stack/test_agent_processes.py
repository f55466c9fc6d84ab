"""The process of a session's agent, from its last heartbeat, is killed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from temporalio.api.common.v1 import ActivityType, Payloads
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.service import RPCError, RPCStatusCode

from connections.temporal_client import LazyClient, data_converter
from contracts.agent import AgentPulse
from errors import SessionNotFound, TemporalUnavailable
from settings import Settings, TemporalSettings
from stack.agent_processes import LocalAgentProcesses

SESSION = "session_1795439980_9c990a7fb3fc"
CONVERTER = data_converter(TemporalSettings())


class FakeTemporal:
    """A client with one session."""

    data_converter = CONVERTER

    def __init__(self, *pending: tuple[str, Any], failure: Exception | None = None) -> None:
        self._pending = pending
        self._failure = failure

    async def get(self) -> FakeTemporal:
        return self

    def get_workflow_handle_for(self, _: object, session_id: str) -> FakeTemporal:
        assert session_id == SESSION
        return self

    async def describe(self) -> SimpleNamespace:
        if self._failure:
            raise self._failure
        activities = [
            PendingActivityInfo(
                activity_type=ActivityType(name=name),
                heartbeat_details=Payloads(payloads=await CONVERTER.encode([details])) if details else None,
            )
            for name, details in self._pending
        ]
        return SimpleNamespace(raw_description=DescribeWorkflowExecutionResponse(pending_activities=activities))


async def killed(temporal: FakeTemporal, session_id: str = SESSION) -> list[int]:
    pids: list[int] = []

    def kill(pid: int, _: Settings) -> bool:
        pids.append(pid)
        return True

    found = await LocalAgentProcesses(cast("LazyClient", temporal), Settings(), kill).kill(session_id)
    assert found == bool(pids)
    return pids


async def test_the_agent_of_the_last_heartbeat_is_killed() -> None:
    pulse = AgentPulse(identity="agent_2_x", pid=4711)
    assert await killed(FakeTemporal(("close_room", None), ("launch_agent", pulse))) == [4711]


@pytest.mark.parametrize("details", [None, "waiting for the agent to join"])
async def test_a_launching_agent_has_no_process(details: str | None) -> None:
    assert await killed(FakeTemporal(("launch_agent", details))) == []


async def test_a_session_without_an_agent_has_no_process() -> None:
    assert await killed(FakeTemporal()) == []


async def test_unknown_sessions_are_not_found() -> None:
    with pytest.raises(SessionNotFound):
        await killed(FakeTemporal(), "somebody_elses_workflow")
    with pytest.raises(SessionNotFound):
        await killed(FakeTemporal(failure=RPCError("no such workflow", RPCStatusCode.NOT_FOUND, b"")))


async def test_an_outage_is_reported() -> None:
    with pytest.raises(TemporalUnavailable):
        await killed(FakeTemporal(failure=RPCError("away", RPCStatusCode.UNAVAILABLE, b"")))
