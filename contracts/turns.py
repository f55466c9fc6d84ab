"""Turns: everything that is said in a session."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.message import Message


class LatencyBreakdown(Message):
    """The parts of an answer's latency: seconds by the agent's own clock, None if unknown.

    `total` is from the caller's last sound to the agent's first. In it, one after the other unless the model answered
    ahead of the turn's end: `end_of_turn` until the turn was taken for over (`transcription` of it until its words were
    there), `first_token` until the model's, `first_sentence` until its first sentence was whole (counted from where
    `first_token` is), `first_audio` from then on until the voice had made a sound of it.
    """

    total: float
    transcription: float | None = None
    end_of_turn: float | None = None
    first_token: float | None = None
    first_sentence: float | None = None
    first_audio: float | None = None


class Turn(Message):
    """Something said, named by `(generation, sequence)`. Not `final`: the agent is still at it, this much was heard.

    `began_at_ms`: since when the agent's words sounded, once they are final.
    """

    generation: int
    sequence: int
    role: Literal["caller", "agent"]
    text: str = Field(repr=False)
    at_ms: int
    interrupted: bool = False
    final: bool = True
    began_at_ms: int | None = None
    latency: LatencyBreakdown | None = None  # of an agent's answer to what the caller said
