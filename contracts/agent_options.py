"""The options of one session's agent: one object from the start request to the agent's job."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from contracts.message import Message

VOICES: Final = ("Ashley", "Craig", "Edward", "Olivia", "Wendy", "Priya")
DEFAULT_VOICE: Final = "Ashley"
DEFAULT_OPENING_LINE: Final = "Hello! How can I help you today?"
DEFAULT_SYSTEM_PROMPT: Final = "You are a helpful and friendly voice assistant."


class AgentOptions(Message):
    """Voice, greeting and instructions. A new field needs no change between the API and the agent."""

    voice_id: str = DEFAULT_VOICE
    opening_line: str = Field(DEFAULT_OPENING_LINE, repr=False)
    system_prompt: str = Field(DEFAULT_SYSTEM_PROMPT, repr=False)
