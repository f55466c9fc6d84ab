"""An agent's history: its first utterance and its LLM's chat context, derived from the transcript. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from livekit.agents import ChatContext

from agent.conversation.instructions import RESUMING, STILL_THERE
from agent.handover.protocol import Succession
from contracts.turns import Turn


def first_utterance(turns: Sequence[Turn], succession: Succession, opening_line: str) -> str | None:
    """Return an agent's first text; empty if it says nothing, None if it answers an open question.

    The first agent greets. A later one answers an open question, and otherwise apologizes if its predecessor failed.
    """
    if not turns:
        return opening_line
    if is_unanswered(turns):
        return None
    return "" if succession.in_order else RESUMING


def is_unanswered(turns: Sequence[Turn]) -> bool:
    """True if the caller waits for an answer or the rest of one. A cut-off greeting was no answer."""
    unanswered = turns[:-1] if turns[-1].role == "agent" and not turns[-1].final else turns
    return bool(unanswered) and unanswered[-1].role == "caller"


def was_asked_if_there(turns: Sequence[Turn]) -> bool:
    """True if any agent asked whether the caller is still there, and the caller has said nothing since."""
    return any(turn.text == STILL_THERE for turn in takewhile(lambda turn: turn.role == "agent", reversed(turns)))


def history(turns: Sequence[Turn]) -> ChatContext:
    """Return turns as the LLM's chat context, with consecutive agent turns joined: some servers refuse two in a row."""
    joined: list[Turn] = []
    for turn in turns:
        if joined and joined[-1].role == turn.role == "agent":
            text = f"{joined[-1].text} {turn.text}"
            joined[-1] = joined[-1].model_copy(update={"text": text, "interrupted": turn.interrupted})
        else:
            joined.append(turn)
    context = ChatContext.empty()
    for turn in joined:
        context.add_message(
            role="user" if turn.role == "caller" else "assistant",
            content=turn.text,
            interrupted=turn.interrupted,
            created_at=turn.at_ms / 1000,
        )
    return context
