"""An agent's first utterance, and its history of earlier generations."""

from __future__ import annotations

from typing import Literal

import pytest

from agent.conversation.history import first_utterance, history, was_asked_if_there
from agent.conversation.instructions import RESUMING, STILL_THERE
from agent.handover.protocol import Succession
from contracts.turns import Turn


def turn(role: Literal["caller", "agent"], text: str, *, interrupted: bool = False) -> Turn:
    return Turn(generation=1, sequence=1, role=role, text=text, at_ms=1_700_000_000_000, interrupted=interrupted)


FAILED = Succession()
IN_ORDER = Succession(in_order=True)


@pytest.mark.parametrize("succession", [FAILED, IN_ORDER])
def test_the_first_agent_greets(succession: Succession) -> None:
    """A later one too, if no greeting was heard."""
    assert first_utterance([], succession, "Hi there.") == "Hi there."


@pytest.mark.parametrize("succession", [FAILED, IN_ORDER])
def test_a_later_agent_answers_an_open_question(succession: Succession) -> None:
    turns = [turn("agent", "Hi there."), turn("caller", "What do tulips cost?")]
    assert first_utterance(turns, succession, "Hi there.") is None


def test_a_later_agent_completes_a_cut_off_answer() -> None:
    heard = turn("agent", "Tulips are two euros.").model_copy(update={"final": False, "interrupted": True})
    assert first_utterance([turn("caller", "What do tulips cost?"), heard], FAILED, "Hi there.") is None


def test_a_later_agent_does_not_greet_twice() -> None:
    assert first_utterance([turn("agent", "Hi there.")], FAILED, "Hi there.") == RESUMING


def test_a_cut_off_greeting_is_no_open_question() -> None:
    """The LLM has nothing to answer."""
    cut_off = turn("agent", "Are you").model_copy(update={"final": False, "interrupted": True})
    for turns in ([cut_off], [turn("agent", "Hi there."), cut_off]):
        assert first_utterance(turns, FAILED, "Hi there.") == RESUMING


def test_a_handover_in_order_is_silent() -> None:
    assert first_utterance([turn("agent", "Hi there.")], IN_ORDER, "Hi there.") == ""


def test_history_keeps_order_roles_times_and_interruptions() -> None:
    items = history((turn("agent", "Hi there."), turn("caller", "Wait."), turn("agent", "Of", interrupted=True))).items
    messages = [(m.role, m.text_content, m.interrupted) for m in items if m.type == "message"]
    assert messages == [("assistant", "Hi there.", False), ("user", "Wait.", False), ("assistant", "Of", True)]
    assert items[0].created_at == 1_700_000_000


def test_consecutive_agent_turns_become_one_message() -> None:
    """Some LLM servers refuse two in a row."""
    (message,) = history((turn("agent", "Hi there."), turn("agent", "Are you", interrupted=True))).items
    assert message.type == "message"
    assert (message.role, message.text_content, message.interrupted) == ("assistant", "Hi there. Are you", True)


CALLER, AGENT = turn("caller", "Hello?"), turn("agent", "Hi there.")
ASKED = turn("agent", STILL_THERE)


@pytest.mark.parametrize(
    ("turns", "asked"),
    [
        ([], False),
        ([AGENT, CALLER, AGENT], False),
        ([AGENT, ASKED], True),
        ([AGENT, ASKED, turn("agent", RESUMING)], True),  # a successor does not ask again
        ([AGENT, ASKED, CALLER, AGENT], False),
    ],
)
def test_a_silence_has_one_question(turns: list[Turn], asked: bool) -> None:
    assert was_asked_if_there(turns) is asked
