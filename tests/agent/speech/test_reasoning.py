"""The filter of a model's reasoning."""

from __future__ import annotations

import pytest

from agent.speech.reasoning import ReasoningFilter


def test_the_first_sentence_waits_for_the_next_one() -> None:
    answer = ReasoningFilter()
    assert [answer.feed(piece) for piece in ("It is ", "sunny. ", "Take ", "a hat.")] == [
        "",
        "",
        "It is sunny. Take ",
        "a hat.",
    ]
    assert answer.flush() == ""


def test_a_short_answer_is_kept() -> None:
    answer = ReasoningFilter()
    assert answer.feed("Yes") + answer.flush() == "Yes"


@pytest.mark.parametrize("tag", ["think", "thinking", "reasoning", "THOUGHT"])
def test_reasoning_is_dropped_from_any_chunks(tag: str) -> None:
    for text in (f"<{tag}>A. C.</{tag}>\n\nB.", f"A\n</{tag}>\nB."):
        answer = ReasoningFilter()
        assert "".join(answer.feed(sign) for sign in text) + answer.flush() == "B."
