"""Which sentences of an answer are known to have been heard."""

from __future__ import annotations

import pytest

from agent.heard import Heard


class Told:
    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.output = Heard(self.sentences.append)

    async def hears(self, *words: str) -> list[str]:
        for word in words:
            await self.output.capture_text(word)
        return self.sentences


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), []),
        (("It is ", "sunny", "."), []),
        (("It is sunny. ",), []),
        (("It is sunny.", " And", " warm", "."), ["It is sunny."]),
        (("One. ", "Two? ", "Three! ", "Four."), ["One.", "One. Two?", "One. Two? Three!"]),
        (('He said "no." ', "Then he left."), ['He said "no."']),
        (("It costs 2.50 euros.", " Cheap."), ["It costs 2.50 euros."]),
    ],
)
async def test_a_sentence_was_heard_when_the_next_one_begins(words: tuple[str, ...], told: list[str]) -> None:
    assert await Told().hears(*words) == told


async def test_each_answer_begins_anew() -> None:
    told = Told()
    await told.hears("One. ", "Two.")
    told.output.flush()
    assert await told.hears("Three. ", "Four.") == ["One.", "Three."]
