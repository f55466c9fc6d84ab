"""Traces the job of an agent as a part of its session's trace."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Protocol

from livekit.agents import telemetry
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from contracts.agent import JobMetadata
from settings import TelemetrySettings
from telemetry.traces import context_of, tracer_provider

_FLUSH_MS = 3000

ShutdownCallback = Callable[[str], Coroutine[None, None, None]]


def trace_jobs(settings: TelemetrySettings) -> TracerProvider | None:
    """Let livekit-agents record its spans (turns, models, voice) in this process. None if tracing is off."""
    provider = tracer_provider(settings, "voice-agent")
    if provider is not None:
        # Conversation is removed twice: here by livekit-agents, and by `Redacted`.
        telemetry.set_tracer_provider(provider, allow_pii=False)
    return provider


class Job(Protocol):
    """The part of livekit-agents' `JobContext` that a trace needs."""

    def add_shutdown_callback(self, callback: ShutdownCallback) -> None:
        """Call `callback` with the reason when the job ends."""


@contextmanager
def job_span(job: Job, provider: TracerProvider | None, metadata: JobMetadata) -> Iterator[None]:
    """Span of the job from its launch until it speaks, a child of the launch; livekit-agents adds its spans to it."""
    if provider is None:
        yield
        return

    async def flush(_: str) -> None:
        """Job processes exit without a flush of their own."""
        await asyncio.to_thread(provider.force_flush, _FLUSH_MS)

    job.add_shutdown_callback(flush)
    livekit_span = trace.get_current_span().get_span_context()
    with provider.get_tracer("agent").start_as_current_span(
        "agent_job",
        context=context_of(metadata.traceparent),
        attributes={"session.id": metadata.session_id, "agent.generation": metadata.generation},
        links=[trace.Link(livekit_span)] if livekit_span.is_valid else [],
    ):
        yield
