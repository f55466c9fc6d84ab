"""Every turn once and in order, each in its last reported form."""

from __future__ import annotations

from itertools import permutations
from typing import Literal

import pytest

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


def test_duplicate_and_shuffled_reports_give_the_same() -> None:
    turns = [turn(1, "a"), turn(2, "b"), turn(10, "c"), turn(1, "d", generation=2)]
    for order in permutations(turns):
        assert noted(*order, *order) == ["a", "b", "c", "d"]


def test_the_first_final_report_of_a_turn_stands() -> None:
    assert noted(turn(1, "first"), turn(1, "other")) == ["first"]


def test_turns_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workflows.session.transcript.MAX_BYTES", 350)
    unfinished = turn(1, "a", final=False)
    assert noted(unfinished, turn(2, "b"), turn(3, "c"), turn(1, "A")) == ["A", "b"]
    assert noted(unfinished, turn(2, "b"), turn(1, "A" * 100)) == ["a", "b"]


def test_an_answer_grows_until_it_is_final() -> None:
    assert noted(turn(1, "One.", final=False), turn(1, "One. Two.", final=False)) == ["One. Two."]
    assert noted(turn(1, "One.", final=False), turn(1, "One. Two."), turn(1, "One.", final=False)) == ["One. Two."]


def test_a_caller_s_turn_replaces_an_unfinished_answer_of_that_number() -> None:
    assert noted(turn(1, "One.", final=False), turn(1, "Stop!", role="caller"), turn(2, "One. Tw")) == [
        "Stop!",
        "One. Tw",
    ]
