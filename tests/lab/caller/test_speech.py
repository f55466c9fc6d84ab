"""The caller's speech models and word error rates."""

from __future__ import annotations

import pytest

from lab.caller import speech


@pytest.mark.parametrize(
    ("expected", "heard", "rate"),
    [
        ("What is the capital?", "what is the capital", 0),
        ("one two three four", "one three four", 0.25),
        ("one two", "", 1),
        ("one two", "zero one two", 0.5),
    ],
)
def test_word_error_rate(expected: str, heard: str, rate: float) -> None:
    assert speech.word_error_rate(expected, heard) == pytest.approx(rate)


async def test_synthesized_speech_is_recognized() -> None:
    samples = await speech.synthesize("What is the capital of France?")
    assert speech.words(await speech.recognize(samples)) == ["what", "is", "the", "capital", "of", "france"]
