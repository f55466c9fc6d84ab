"""What the language model is told: the customer's prompt, and the rules of speech that every agent keeps."""

from __future__ import annotations

from contracts import Briefing

HOUSE_RULES = (
    "You are on a voice call: your words are read aloud. Answer in one to three short sentences of plain spoken "
    "English, without lists, markdown, emoji or stage directions. If you did not understand, say so and ask."
)


def instructions(briefing: Briefing) -> str:
    """The system prompt of one session."""
    return f"{briefing.system_prompt}\n\n{HOUSE_RULES}"
