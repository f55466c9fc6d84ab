"""Traces the requests of the API."""

from __future__ import annotations

from fastapi import FastAPI
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace import TracerProvider

_NOT_TRACED = "/health,/codec/"
"""Frequent requests that have nothing to do with sessions."""


def instrument(app: FastAPI, provider: TracerProvider | None) -> None:
    """Trace the requests of `app`; each joins its client's trace, if the client sends one."""
    if provider is not None:
        FastAPIInstrumentor.instrument_app(
            app, tracer_provider=provider, excluded_urls=_NOT_TRACED, exclude_spans=["receive", "send"]
        )
