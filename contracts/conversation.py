"""What is said in a session."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.payload import Payload


class Turn(Payload):
    """Something said, named by `(generation, sequence)`. Not `final`: the agent is still at it, this much was heard."""

    generation: int
    sequence: int
    role: Literal["caller", "agent"]
    text: str = Field(repr=False)
    at_ms: int
    interrupted: bool = False
    final: bool = True
