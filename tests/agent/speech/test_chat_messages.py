"""The form and the size of a chat context."""

from __future__ import annotations

from livekit.agents.llm import ChatContext, ChatRole, FunctionCall

from agent.speech.chat_messages import CALL_BEGINS, GO_ON, arrange, texts

SYSTEM = ("system", "Be brief.")


def context(*turns: tuple[ChatRole, str]) -> ChatContext:
    made = ChatContext.empty()
    for role, text in turns:
        made.add_message(role=role, content=text)
    return made


def test_turns_of_one_role_are_merged_and_blank_ones_dropped() -> None:
    asked = context(
        ("system", "Be brief."), ("user", "So. "), ("user", "Tulips?"), ("assistant", " "), ("user", "Well?")
    )
    assert texts(arrange(asked)) == [SYSTEM, ("user", "So. Tulips? Well?")]


def test_an_ordinary_conversation_is_unchanged() -> None:
    asked = context(("system", "Be brief."), ("assistant", "Hi."), ("user", "Tulips?"), ("assistant", "Two eu"))
    assert texts(arrange(asked)) == texts(asked)


def test_alternating_turns_begin_and_end_with_the_callers() -> None:
    asked = context(("system", "Be brief."), ("assistant", "Hi."), ("user", "Tulips?"), ("assistant", "Two eu"))
    turns = [("assistant", "Hi."), ("user", "Tulips?"), ("assistant", "Two eu"), ("user", GO_ON)]
    assert texts(arrange(asked, alternates=True)) == [SYSTEM, ("user", CALL_BEGINS), *turns]
    first = ("user", f"Be brief.\n\n{CALL_BEGINS}")
    assert texts(arrange(asked, alternates=True, system_as_user=True)) == [first, *turns]


def test_the_system_text_and_the_last_question_always_stay() -> None:
    asked = context(("system", "Be brief."), ("user", "One?"), ("assistant", "One."), ("user", "Two?"))
    assert texts(arrange(asked, max_characters=0)) == [SYSTEM, ("user", "Two?")]


def test_the_start_of_a_shortened_conversation_stays_for_some_turns() -> None:
    """A prompt cache serves only a prompt that begins as the one before."""
    starts = set()
    turns: list[tuple[ChatRole, str]] = []
    for number in range(20):
        turns += [("user", f"Question {number:02}"), ("assistant", f"Answer {number:02}")]
        starts.add(texts(arrange(context(*turns), max_characters=200))[0])
    assert 2 <= len(starts) <= 6


def test_tool_calls_stay_with_their_results() -> None:
    asked = context(("user", "So."), ("user", "Tulips?"))
    asked.items.append(FunctionCall(call_id="1", name="price", arguments="{}"))
    assert arrange(asked) is asked
