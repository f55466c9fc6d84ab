"""Traces calls to Temporal and their work in workers. Apart from `traces`, which processes without Temporal use too."""

from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider
from temporalio.contrib.opentelemetry import TracingInterceptor

from telemetry.traces import W3C


class TemporalTraces(TracingInterceptor):
    """Spans for calls to Temporal and their work in workers, as one trace across processes."""

    def __init__(self, provider: TracerProvider) -> None:
        super().__init__(provider.get_tracer("temporalio"))
        self.text_map_propagator = W3C


def temporal_interceptors(provider: TracerProvider | None) -> list[TemporalTraces]:
    """Interceptors for a Temporal client and its workers; none without a provider."""
    return [TemporalTraces(provider)] if provider else []
