"""Backchannels do not interrupt an agent; all other words do."""

from __future__ import annotations

import pytest

from agent.conversation.backchannels import is_backchannel


@pytest.mark.parametrize(
    "text",
    ["Mm-hm.", "Mhm.", "Hmm.", "Humm.", "Mama.", "Uh-huh.", "Eh-ha?", "Ah.", "Oh.", "Huh?", "M-hm.", "..."],
)
@pytest.mark.parametrize("asked", [True, False])
def test_a_hum_is_a_backchannel(text: str, asked: bool) -> None:
    assert is_backchannel(text, asked=asked)


@pytest.mark.parametrize("text", ["Yeah.", "Okay.", "Okay, right.", "I see.", "Got it, okay.", "All right."])
def test_an_assent_answers_a_question(text: str) -> None:
    assert is_backchannel(text, asked=False)
    assert not is_backchannel(text, asked=True)


@pytest.mark.parametrize(
    "text",
    [
        *("No.", "Stop.", "Wait.", "Yes, but why?", "Okay, what about Italy?", "I", "see", "42", "Ja, genau.", "Да."),
        *("Hum me a song.", "Right now.", "Help!", "Home.", "Him.", "Yeah yeah yeah yeah yeah."),
    ],
)
def test_words_are_no_backchannels(text: str) -> None:
    assert not is_backchannel(text, asked=False)
