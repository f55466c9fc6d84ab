"""One trace joins request, workflow and agent; its spans hold no names and no conversation."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from livekit.agents import telemetry as of_livekit
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NoOpTracerProvider, Status, StatusCode
from pydantic import SecretStr

from contracts.agent import JobMetadata
from errors import SetupError
from settings import TelemetrySettings
from telemetry.agent_traces import ShutdownCallback, job_span, trace_jobs
from telemetry.api_traces import instrument
from telemetry.temporal_traces import temporal_interceptors
from telemetry.traces import traceparent, tracer_provider

SECRET = "my card number is 4111"


class Receiver:
    """An OTLP receiver on loopback."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_port}"
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []

    @property
    def spans(self) -> dict[str, Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return {
            span.name: span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            found.headers.append(dict(self.headers))
            found.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found = Receiver(server)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture
def livekits_tracer_as_before() -> Iterator[None]:
    yield
    of_livekit.set_tracer_provider(NoOpTracerProvider())


def sending_to(receiver: Receiver, headers: str = "") -> TelemetrySettings:
    return TelemetrySettings(otlp_endpoint=f"{receiver.url}/", otlp_headers=SecretStr(headers))


def made(settings: TelemetrySettings) -> TracerProvider:
    provider = tracer_provider(settings, "test")
    assert provider
    return provider


class FakeJob:
    def __init__(self) -> None:
        self.callbacks: list[ShutdownCallback] = []

    def add_shutdown_callback(self, callback: ShutdownCallback) -> None:
        self.callbacks.append(callback)


def test_no_traces_without_an_endpoint() -> None:
    assert tracer_provider(TelemetrySettings(), "voice-api") is None
    assert temporal_interceptors(None) == []
    assert traceparent() == ""
    app = FastAPI()
    instrument(app, None)
    assert not app.user_middleware
    job = FakeJob()
    with job_span(job, None, JobMetadata(session_id="s", generation=1, key="job_1", socket="")):
        assert traceparent() == ""
    assert job.callbacks == []


def test_endpoint_must_be_a_url() -> None:
    with pytest.raises(SetupError, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        tracer_provider(TelemetrySettings(otlp_endpoint="collector:4318"), "voice-api")


def test_headers_are_sent_to_the_receiver(receiver: Receiver) -> None:
    provider = made(sending_to(receiver, "x-key=k 1,other=2"))
    provider.get_tracer("t").start_span("one").end()
    provider.shutdown()
    assert {"x-key": "k 1", "other": "2"}.items() <= {n.lower(): v for n, v in receiver.headers[0].items()}.items()


def test_conversation_names_and_error_texts_are_redacted(receiver: Receiver) -> None:
    provider = made(sending_to(receiver))
    with provider.get_tracer("t").start_as_current_span("llm_node") as span:
        span.set_attributes(
            {
                **dict.fromkeys(("lk.pii.chat_ctx", "gen_ai.input.messages", "unheard.of", "http.url"), SECRET),
                **{name: [SECRET] for name in ("lk.provider_request_ids", "lists")},
                **{"lk.rpc.caller_identity": SECRET, "url.query": SECRET, "exception.message": SECRET},
                **{"gen_ai.request.model": "smollm2", "lk.response.ttft": 0.25, "lk.interrupted": True},
            }
        )
        span.add_event("gen_ai.user.message", {"content": SECRET, "length": 3})
        span.record_exception(ValueError(SECRET))
        span.set_status(Status(StatusCode.ERROR, SECRET))
    provider.shutdown()
    assert SECRET.encode() not in b"".join(receiver.bodies)
    (sent,) = receiver.spans.values()
    assert {each.key for each in sent.attributes} == {"gen_ai.request.model", "lk.response.ttft", "lk.interrupted"}
    assert {each.key for event in sent.events for each in event.attributes} == {"length", "exception.type"}
    assert (sent.status.code, sent.status.message) == (StatusCode.ERROR.value, "")


async def test_request_span_has_the_route_without_the_url(receiver: Receiver) -> None:
    app = FastAPI()

    @app.get("/api/sessions")
    async def sessions() -> str:
        return traceparent()

    provider = made(sending_to(receiver))
    instrument(app, provider)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        inside = (await client.get("/api/sessions", params={"user": SECRET}, headers={"x-name": SECRET})).json()
        await client.get(f"/{SECRET}")
        await client.get("/health")
    provider.shutdown()
    assert set(receiver.spans) == {"GET /api/sessions", "GET"}
    assert inside.split("-")[1] == receiver.spans["GET /api/sessions"].trace_id.hex()
    for body in receiver.bodies:
        assert b"4111" not in body


@pytest.mark.usefixtures("livekits_tracer_as_before")
async def test_job_continues_the_trace_of_its_launch(receiver: Receiver) -> None:
    settings = sending_to(receiver)
    worker, agent = made(settings), trace_jobs(settings)
    with worker.get_tracer("w").start_as_current_span("launch"):
        carried = JobMetadata(session_id="session_1", generation=2, key="job_1", socket="", traceparent=traceparent())
    job = FakeJob()
    livekits = of_livekit.tracer.start_as_current_span
    with livekits("job_entrypoint"), job_span(job, agent, carried), livekits("agent_session") as span:
        span.set_attribute("lk.pii.user_transcript", SECRET)
    (flush,) = job.callbacks
    await flush("")
    worker.shutdown()
    spans = receiver.spans
    launch, ours, session, theirs = (spans[n] for n in ("launch", "agent_job", "agent_session", "job_entrypoint"))
    assert ours.parent_span_id == launch.span_id
    assert session.parent_span_id == ours.span_id
    assert launch.trace_id == ours.trace_id == session.trace_id != theirs.trace_id
    assert [link.span_id for link in ours.links] == [theirs.span_id]
    assert SECRET.encode() not in b"".join(receiver.bodies)
    assert agent
    agent.shutdown()


def test_baggage_is_not_propagated() -> None:
    fields = temporal_interceptors(TracerProvider())[0].text_map_propagator.fields
    assert "baggage" not in fields
