"""Every turn once and in order, each in the last form that it was reported in."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

from contracts.turns import Turn
from workflows.session.transcript import Transcript


def turn(
    sequence: int, text: str, *, generation: int = 1, role: Literal["caller", "agent"] = "agent", final: bool = True
) -> Turn:
    return Turn(generation=generation, sequence=sequence, role=role, text=text, at_ms=sequence, final=final)


def noted(*turns: Turn) -> list[str]:
    transcript = Transcript()
    for each in turns:
        transcript.note(each)
    return [each.text for each in transcript.turns]


def test_any_order_and_repetition_gives_the_same() -> None:
    turns = [turn(1, "a"), turn(2, "b"), turn(1, "c", generation=2)]
    for order in permutations(turns):
        assert noted(*order, *order) == ["a", "b", "c"]


def test_what_was_heard_of_an_answer_grows_until_it_is_final() -> None:
    assert noted(turn(1, "One.", final=False), turn(1, "One. Two.", final=False)) == ["One. Two."]
    assert noted(turn(1, "One.", final=False), turn(1, "One. Two."), turn(1, "One.", final=False)) == ["One. Two."]


def test_a_turn_of_the_caller_takes_the_number_of_an_answer_that_was_not_final() -> None:
    assert noted(turn(1, "One.", final=False), turn(1, "Stop!", role="caller"), turn(2, "One. Tw")) == [
        "Stop!",
        "One. Tw",
    ]
