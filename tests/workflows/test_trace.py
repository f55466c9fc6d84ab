"""A request, its workflow and the launch of its agent are one trace, by what Temporal carries between them."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio import activity
from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.testing import WorkflowEnvironment

from contracts.agent import AgentOutcome, JobMetadata, LaunchRequest
from contracts.search_attributes import at_start
from telemetry.agent_traces import job_span
from telemetry.api_traces import instrument
from telemetry.temporal_traces import temporal_interceptors
from telemetry.traces import traceparent
from tests.fakes.activities import FakeActivities
from tests.telemetry.test_traces import FakeJob
from tests.workflows.driver import Session
from worker import build_worker
from workflows.voice_session import VoiceSession

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TracedActivities(FakeActivities):
    """Notes what a dispatch would carry."""

    carried = ""

    @activity.defn(name="launch_agent")
    async def launch_agent(self, request: LaunchRequest) -> AgentOutcome:
        self.carried = traceparent()
        return await super().launch_agent(request)


async def test_a_request_and_the_launch_of_its_agent_are_one_trace(time_skipping: WorkflowEnvironment) -> None:
    recorded = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(recorded))
    client = await Client.connect(
        time_skipping.client.service_client.config.target_host,
        data_converter=time_skipping.client.data_converter,
        interceptors=temporal_interceptors(provider),
    )
    activities = TracedActivities(client)
    app = FastAPI()
    instrument(app, provider)
    async with build_worker(client, activities, "traced", activities):
        session = Session(time_skipping, activities, "traced")

        @app.post("/start")
        async def start() -> None:
            operation = WithStartWorkflowOperation(
                VoiceSession.run,
                session.request,
                id=session.id,
                task_queue="traced",
                id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
                search_attributes=at_start(session.request),
            )
            await client.execute_update_with_start_workflow(VoiceSession.join_token, start_workflow_operation=operation)

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as caller:
            await caller.post("/start")
        agent = await session.scene.next_agent()
        carried = JobMetadata(
            session_id=session.id, generation=1, key="job_1", socket="", traceparent=activities.carried
        )
        with job_span(FakeJob(), provider, carried):
            await agent.claim()
        await session.end()
        await session.result()
    spans = {span.name: span for span in recorded.get_finished_spans()}
    line = ["agent_job", "RunActivity:launch_agent", "StartActivity:launch_agent"]
    assert ancestors(spans["agent_job"], recorded)[: len(line)] == line
    workflow = ("RunWorkflow:VoiceSession", "HandleUpdate:join_token", "HandleUpdate:claim")
    for name in ("agent_job", "RunActivity:issue_join_token", *workflow):
        assert ancestors(spans[name], recorded)[-1] == "POST /start", name


def ancestors(span: ReadableSpan, recorded: InMemorySpanExporter) -> list[str]:
    """The names from a span up to the root of its trace."""
    by_id = {each.context.span_id: each for each in recorded.get_finished_spans() if each.context}
    names = [span.name]
    while span.parent is not None:
        span = by_id[span.parent.span_id]
        names.append(span.name)
    return names
