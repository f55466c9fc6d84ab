"""Numbers as they are said, written and answered."""

from __future__ import annotations

import pytest

from lab.chaos.numbers import SAY_AGAIN, SAYABLE, answer_to, numbers_in, sentence


def test_every_sayable_number_is_found() -> None:
    assert len(SAYABLE) == 72
    for number in SAYABLE:
        assert numbers_in(sentence(number)) == [number]
        assert numbers_in(f"my number is {number}") == [number]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Twenty-three. Before that, forty one.", [23, 41]),
        ("My number is 23. My number is twenty three.", [23, 23]),
        ("My number is twenty.", []),
        ("three", []),
        ("123 or 230 or 5", []),
        ("", []),
    ],
)
def test_fragments_are_not_numbers(text: str, numbers: list[int]) -> None:
    assert numbers_in(text) == numbers


def test_an_answer_repeats_the_last_two_numbers() -> None:
    assert numbers_in(answer_to([[23]])) == [23]
    assert numbers_in(answer_to([[23], [], [41]])) == [41, 23]
    assert numbers_in(answer_to([[23], [41, 41]])) == [41, 23]
    assert answer_to([[23], []]) == SAY_AGAIN
    assert numbers_in(answer_to([])) == []
