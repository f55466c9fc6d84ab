"""The AgentServer's options, load and acceptance of jobs."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import pytest
from livekit.agents import AgentServer, JobRequest
from livekit.agents.job import JobAcceptArguments
from livekit.protocol.agent import Job

from agent.host import agent_server
from contracts.agent import DispatchMetadata
from settings import Settings

METADATA = DispatchMetadata(session_id="session_1234567890_abcdef", generation=3, sealed_task_token="sealed")


class RecordedServer(AgentServer):
    """Records its options. Its running jobs are the test's."""

    def __init__(self, **options: object) -> None:
        super().__init__()
        self.options = options
        self.jobs: list[object] = []
        self.accept: Callable[[JobRequest], Awaitable[None]]

    active_jobs = property(lambda self: self.jobs)

    def rtc_session(self, *_: object, on_request: Callable[[JobRequest], Awaitable[None]], **__: object) -> None:  # type: ignore[override]
        self.accept = on_request


@pytest.fixture
def built(agent_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> RecordedServer:
    monkeypatch.setattr(agent_server, "AgentServer", RecordedServer)
    server = agent_server.build_server(agent_settings)
    assert isinstance(server, RecordedServer)
    return server


async def answer(server: RecordedServer) -> JobAcceptArguments | None:
    """Offer a job; return how it was accepted, None if it was rejected."""
    answers: list[JobAcceptArguments | None] = []

    async def accepted(arguments: JobAcceptArguments) -> None:
        answers.append(arguments)

    async def rejected(_: bool) -> None:
        answers.append(None)

    job = Job(id="AJ_1", metadata=METADATA.model_dump_json())
    await server.accept(JobRequest(job=job, on_reject=rejected, on_accept=accepted))
    (given,) = answers
    return given


async def test_jobs_are_accepted_under_a_unique_identity_up_to_the_limit(built: RecordedServer) -> None:
    accepted = await answer(built)
    assert accepted is not None
    assert (accepted.identity, accepted.name) == ("agent_3_AJ_1", "agent")
    built.jobs.extend([object(), object()])
    assert await answer(built) is None


async def test_the_load_counts_jobs_and_never_refuses_one(built: RecordedServer) -> None:
    load = built.options["load_fnc"]
    assert callable(load)
    assert load(built) == 0
    built.jobs.append(object())
    assert 0 < load(built) < 0.7  # LiveKit's own limit
    built.jobs.extend([object(), object()])
    assert load(built) == 1.0
    assert built.options["load_threshold"] == math.inf


async def test_idle_processes_and_health_endpoint_come_from_settings(built: RecordedServer) -> None:
    assert [built.options[name] for name in ("num_idle_processes", "host", "port")] == [1, "127.0.0.1", 18081]
