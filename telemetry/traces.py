"""Exports spans, and carries a trace to the agent."""

from __future__ import annotations

from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.re import parse_env_headers

from errors import SetupError
from settings import TelemetrySettings
from telemetry.redaction import Redacted

W3C = TraceContextTextMapPropagator()
"""Ids alone: baggage would put texts of clients into Temporal's history."""


def tracer_provider(settings: TelemetrySettings, service: str) -> TracerProvider | None:
    """A provider that exports spans to OTEL_EXPORTER_OTLP_ENDPOINT; None if that is empty. Raises `SetupError`."""
    if not settings.otlp_endpoint:
        return None
    if urlsplit(settings.otlp_endpoint).scheme not in ("http", "https"):
        raise SetupError("OTEL_EXPORTER_OTLP_ENDPOINT is not a URL like http://localhost:4318 (OTLP over HTTP).")
    exporter = OTLPSpanExporter(
        endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces",
        headers=parse_env_headers(settings.otlp_headers.get_secret_value(), liberal=True),
    )
    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
    provider.add_span_processor(BatchSpanProcessor(Redacted(exporter)))
    return provider


def traceparent() -> str:
    """The current span as a W3C `traceparent`; empty if there is none."""
    carrier: dict[str, str] = {}
    W3C.inject(carrier)
    return carrier.get("traceparent", "")


def context_of(parent: str) -> Context:
    """The context of the `traceparent` `parent`; a new trace if that is empty."""
    return W3C.extract({"traceparent": parent}, Context())
