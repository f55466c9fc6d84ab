"""Writes one call as JSON, to examine a wrong result with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.chaos.call_record import CallRecord, Exchange
from lab.chaos.recovery import recovery
from lab.report import write_json


def write_trace(call: CallRecord, wrong: Sequence[str], path: Path) -> None:
    """Write the call to `path`. Times are seconds since the caller joined; those of turns and requests are Unix ms."""
    origin = call.joined_at or 0.0

    def since(at: float | None) -> float | None:
        return None if at is None else round(at - origin, 2)

    def exchange_of(exchange: Exchange) -> dict[str, Any]:
        injection = exchange.injection
        return {
            "number": exchange.number,
            "spoken": [(since(spoken.first_sound_at), since(spoken.last_sound_at)) for spoken in exchange.spoken],
            "answered": (since(exchange.answered_at), since(exchange.answer_ended_at)),
            "heard": exchange.heard,
            "misheard": exchange.misheard,
            "fault": injection
            and {"moment": injection.fault.moment, "at": since(injection.at), "victims": injection.victims},
            "recovery": recovery(exchange),
            "silence": injection and injection.silence,
        }

    trace = {
        "session": call.session_id,
        "kind": call.plan.kind,
        "ending": call.plan.ending,
        "wrong": list(wrong),
        "exchanges": [exchange_of(exchange) for exchange in call.exchanges],
        "heard": call.heard,
        "audible": [(span.identity, since(span.start), since(span.end)) for span in call.timeline.spans()],
        "turns": [turn.model_dump() for turn in call.turns],
        "requests": [(request.at_ms, request.numbers) for request in call.model_requests],
        "ended": since(call.ended_at),
        "bill": call.bill,
        "generations": call.generations,
    }
    write_json(trace, path)
