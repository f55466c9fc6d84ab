"""A span for each request of the API."""

from __future__ import annotations

from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider

_NOT_TRACED = "/health,/codec/"
"""Asked all the time, and about nothing that happens."""


def instrument(app: FastAPI, provider: TracerProvider | None) -> None:
    """Trace the requests of `app`, each as a part of its client's trace where that sends one along."""
    if provider is not None:
        FastAPIInstrumentor.instrument_app(
            app, tracer_provider=provider, excluded_urls=_NOT_TRACED, exclude_spans=["receive", "send"]
        )
