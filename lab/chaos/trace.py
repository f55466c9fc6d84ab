"""One call as JSON: who said what when, beside what struck, for whoever looks into a wrong result."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lab.chaos.measure import recovery
from lab.chaos.record import CallRecord, Exchange


def write_trace(call: CallRecord, wrong: Sequence[str], path: Path) -> None:
    """Write the call to `path`. Times are seconds since the caller joined; those of turns and requests are Unix ms."""
    origin = call.joined_at or 0.0

    def since(at: float | None) -> float | None:
        return None if at is None else round(at - origin, 2)

    def exchange_of(exchange: Exchange) -> dict[str, Any]:
        hit = exchange.hit
        return {
            "number": exchange.number,
            "spoken": [(since(spoken.first_sound_at), since(spoken.last_sound_at)) for spoken in exchange.spoken],
            "answered": (since(exchange.answered_at), since(exchange.answer_ended_at)),
            "heard": exchange.heard,
            "misheard": exchange.misheard,
            "hit": hit and {"moment": hit.strike.moment, "at": since(hit.at), "victims": hit.victims},
            "recovery": recovery(exchange),
            "silence": hit and hit.silence,
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
        "requests": [(asked.at_ms, asked.numbers) for asked in call.asked],
        "ended": since(call.ended_at),
        "bill": call.bill,
        "generations": call.generations,
    }
    path.write_text(json.dumps(trace, indent=1))
