"""The six voices, as shapes of the embedded engine's single recorded voice.

Pitch moves the fundamental, formant the vocal tract (below 1: larger and deeper; above 1: smaller and brighter), pace
the tempo. The three are independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from contracts.agent_options import VOICES


@dataclass(frozen=True)
class Voice:
    """One voice, as factors of the recorded one (1.0)."""

    pace: float
    pitch: float
    formant: float


VOICE_SHAPES: Final[dict[str, Voice]] = {
    "Ashley": Voice(pace=1.0, pitch=1.0, formant=1.0),
    "Craig": Voice(pace=1.2, pitch=0.68, formant=0.9),
    "Edward": Voice(pace=1.0, pitch=0.5, formant=0.84),
    "Olivia": Voice(pace=0.95, pitch=0.87, formant=0.96),
    "Wendy": Voice(pace=1.2, pitch=1.15, formant=1.05),
    "Priya": Voice(pace=1.0, pitch=1.28, formant=1.1),
}


def voice_named(voice_id: str) -> Voice:
    """Return a voice by name. Raises ValueError for an unknown one."""
    try:
        return VOICE_SHAPES[voice_id]
    except KeyError:
        raise ValueError(f"Unknown voice {voice_id!r}; known are {', '.join(VOICES)}.") from None
