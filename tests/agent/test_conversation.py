"""What an agent says first, and what it remembers of the agents before it."""

from __future__ import annotations

from typing import Literal

from agent.conversation import first_words, history
from agent.prompt import HOUSE_RULES, RESUMING, instructions
from contracts import Briefing, Turn
from tests.fakes.briefings import briefing


def turn(role: Literal["caller", "agent"], text: str, *, interrupted: bool = False) -> Turn:
    return Turn(generation=1, sequence=1, role=role, text=text, at_ms=1_700_000_000_000, interrupted=interrupted)


def told(*turns: Turn) -> Briefing:
    generation = 2 if turns else 1
    return briefing(generation=generation, opening_line="Hi there.", system_prompt="You sell tulips.", turns=turns)


def test_the_first_agent_greets() -> None:
    assert first_words(told()) == "Hi there."


def test_a_later_agent_answers_what_was_left_open() -> None:
    assert first_words(told(turn("agent", "Hi there."), turn("caller", "What do tulips cost?"))) is None


def test_a_later_agent_does_not_greet_twice() -> None:
    assert first_words(told(turn("agent", "Hi there."))) == RESUMING


def test_history_keeps_order_roles_times_and_what_was_cut_off() -> None:
    items = history((turn("agent", "Hi there."), turn("caller", "Wait."), turn("agent", "Of", interrupted=True))).items
    messages = [(m.role, m.text_content, m.interrupted) for m in items if m.type == "message"]
    assert messages == [("assistant", "Hi there.", False), ("user", "Wait.", False), ("assistant", "Of", True)]
    assert items[0].created_at == 1_700_000_000


def test_the_prompt_is_the_customers_and_the_house_rules() -> None:
    text = instructions(told())
    assert text.startswith("You sell tulips.")
    assert text.endswith(HOUSE_RULES)
    assert "ada" not in text  # a name is data: it could carry instructions
