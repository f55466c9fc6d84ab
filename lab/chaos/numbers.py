"""The numbers in every sentence of a chaos call, as the caller says them and as STT writes them. Pure.

Only compounds are said (21 to 99 without the round tens): if one is cut off, the rest is a number that the caller never
says, so a fragment never counts as a sentence.
"""

from __future__ import annotations

import re
from typing import Final

_ONES: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
SAYABLE: Final = tuple(number for number in range(21, 100) if number % 10)
_WORDS: Final = {number: f"{_TENS[number // 10 - 2]} {_ONES[number % 10 - 1]}" for number in SAYABLE}
_NUMBERS: Final = {words: number for number, words in _WORDS.items()}
_FOUND: Final = re.compile(rf"\b(?:({'|'.join(_TENS)})[\s-]+({'|'.join(_ONES)})|([2-9][1-9]))\b")


def in_words(number: int) -> str:
    """23 is "twenty three"."""
    return _WORDS[number]


def sentence(number: int) -> str:
    """The caller's sentence; the embedded STT recognizes all of them."""
    return f"My number is {in_words(number)}."


def numbers_in(text: str) -> list[int]:
    """The sayable numbers in `text`, in order, written as words or as digits."""
    found = _FOUND.finditer(text.lower())
    return [int(match[3]) if match[3] else _NUMBERS[f"{match[1]} {match[2]}"] for match in found]


def answer_to(history: list[list[int]]) -> str:
    """The scripted answer to the numbers in the caller's turns: the last number and the one before."""
    if not history:
        return "Yes."
    if not history[-1]:
        return SAY_AGAIN
    number = history[-1][-1]
    earlier = [other for turn in history for other in turn if other != number]
    rest = f"and before that, {in_words(earlier[-1])}" if earlier else "and that is the first one"
    # One sentence: a pause would make it two utterances.
    return f"{in_words(number).capitalize()}, {rest}."


SAY_AGAIN: Final = "Please say that again."
