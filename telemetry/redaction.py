"""Redacts spans before export: numbers pass, texts only from attributes that never hold names or conversation.

livekit-agents writes prompts, answers and identities into its spans, and error texts can hold anything. So this is an
allowlist: attributes that are not listed are removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link, Status
from opentelemetry.util.types import Attributes, AttributeValue

TEXTS: Final = frozenset(
    {
        *("session.id", "error.type", "exception.type"),
        *("temporalWorkflowID", "temporalRunID", "temporalActivityID", "temporalActivityType", "temporalUpdateID"),
        *("http.method", "http.request.method", "http.route", "http.scheme", "url.scheme"),
        *("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model", "gen_ai.response.model"),
        *("lk.job_id", "lk.dispatch_id", "lk.room_sid", "lk.job.worker_id", "lk.agent_name", "lk.track_sid"),
        *("lk.speech_id", "lk.generation_id", "lk.parent_generation_id", "lk.participant_id", "lk.participant_kind"),
        *("lk.old_state", "lk.new_state", "lk.connection_state", "lk.disconnect_reason", "lk.close_reason"),
        *("lk.eou.outcome", "lk.eou.source", "lk.eou.language", "lk.tts.label", "lk.track_source", "rpc.method"),
    }
)
"""Attributes whose text may be exported: ids, kinds, states and names of models."""


class Redacted(SpanExporter):
    """Exports redacted spans through `exporter`."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export redacted copies: other processors see the original spans."""
        return self._exporter.export([_redacted(span) for span in spans])

    def shutdown(self) -> None:
        """Forward to the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Forward to the exporter."""
        return self._exporter.force_flush(timeout_millis)


def _redacted(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=_known(span.attributes),
        events=[Event(event.name, _known(event.attributes), event.timestamp) for event in span.events],
        links=[Link(link.context) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),  # its description is an error's text
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _known(attributes: Attributes) -> dict[str, AttributeValue]:
    found = attributes or {}
    return {name: value for name, value in found.items() if name in TEXTS or isinstance(value, bool | int | float)}
