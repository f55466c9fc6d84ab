"""What an agent says first, and what it remembers of the agents before it."""

from __future__ import annotations

import contextlib
from typing import Literal

import pytest
from livekit.agents import ChatContext, ChatMessage, StopResponse

from agent.conversation import VoiceAgent, first_words, history
from agent.floor import Floor
from agent.prompt import HOUSE_RULES, RESUMING, instructions
from agent.takeover import Succession
from contracts import Turn
from tests.fakes.briefings import briefing


def turn(role: Literal["caller", "agent"], text: str, *, interrupted: bool = False) -> Turn:
    return Turn(generation=1, sequence=1, role=role, text=text, at_ms=1_700_000_000_000, interrupted=interrupted)


LOST = Succession()
IN_ORDER = Succession(in_order=True)


@pytest.mark.parametrize("succession", [LOST, IN_ORDER])
def test_the_first_agent_greets(succession: Succession) -> None:
    """Also a later one, where nobody has heard a greeting yet."""
    assert first_words([], succession, "Hi there.") == "Hi there."


@pytest.mark.parametrize("succession", [LOST, IN_ORDER])
def test_a_later_agent_answers_what_was_left_open(succession: Succession) -> None:
    turns = [turn("agent", "Hi there."), turn("caller", "What do tulips cost?")]
    assert first_words(turns, succession, "Hi there.") is None


def test_a_later_agent_goes_on_where_an_answer_was_cut_off() -> None:
    heard = turn("agent", "Tulips are two euros.").model_copy(update={"final": False, "interrupted": True})
    assert first_words([turn("caller", "What do tulips cost?"), heard], LOST, "Hi there.") is None


def test_a_later_agent_does_not_greet_twice() -> None:
    assert first_words([turn("agent", "Hi there.")], LOST, "Hi there.") == RESUMING


def test_nobody_hears_of_a_handover_in_order() -> None:
    assert first_words([turn("agent", "Hi there.")], IN_ORDER, "Hi there.") == ""


def test_history_keeps_order_roles_times_and_what_was_cut_off() -> None:
    items = history((turn("agent", "Hi there."), turn("caller", "Wait."), turn("agent", "Of", interrupted=True))).items
    messages = [(m.role, m.text_content, m.interrupted) for m in items if m.type == "message"]
    assert messages == [("assistant", "Hi there.", False), ("user", "Wait.", False), ("assistant", "Of", True)]
    assert items[0].created_at == 1_700_000_000


def test_the_prompt_is_the_customers_and_the_house_rules() -> None:
    text = instructions(briefing(system_prompt="You sell tulips."))
    assert text.startswith("You sell tulips.")
    assert text.endswith(HOUSE_RULES)
    assert "ada" not in text  # a name is data: it could carry instructions


@pytest.mark.parametrize(("stopped_at", "mine"), [(99.5, False), (102.0, True)])
async def test_a_turn_that_the_predecessor_took_is_not_taken_again_however_late_it_comes(
    stopped_at: float, mine: bool
) -> None:
    floor = Floor()
    floor.take(last_turn_at=100.0)
    agent = VoiceAgent(briefing(generation=2), floor)
    message = ChatMessage(role="user", content=["Twenty seven."], created_at=103.0)
    message.metrics = {"stopped_speaking_at": stopped_at}
    with contextlib.nullcontext() if mine else pytest.raises(StopResponse):
        await agent.on_user_turn_completed(ChatContext.empty(), message)
