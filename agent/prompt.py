"""What the language model is told: the customer's prompt, and the rules of speech that every agent keeps."""

from __future__ import annotations

from contracts import Briefing

HOUSE_RULES = (
    "You are on a voice call: your words are read aloud. Answer in one to three short sentences of plain spoken "
    "English, without lists, markdown, emoji or stage directions. If you did not understand, say so and ask."
)

RESUMING = "Sorry, I lost you for a moment. Please go on."
"""Said by an agent that takes over from a lost one when nothing is left open: what the caller said last may be lost."""


def instructions(briefing: Briefing) -> str:
    """The system prompt of one session."""
    return f"{briefing.system_prompt}\n\n{HOUSE_RULES}"
