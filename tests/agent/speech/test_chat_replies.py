"""Streamed text that cannot be spoken as it comes: half characters, and replies without words."""

from __future__ import annotations

import pytest

from agent.speech.chat_replies import NoWordsError, SurrogateJoiner, WordGate

HIGH, LOW = "\ud83d", "\udc4d"


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        (["Good ", HIGH, LOW, "!"], "Good 👍!"),
        ([f"Good {HIGH}", f"{LOW} day"], "Good 👍 day"),
        (["Good ", HIGH, "day"], "Good day"),
        (["Good ", LOW, "day"], "Good day"),
        ([HIGH, HIGH, LOW], "👍"),
        (["Good day", HIGH], "Good day"),
        (["Good ", HIGH, "", LOW], "Good 👍"),
        (["Grüß dich 👍"], "Grüß dich 👍"),
    ],
)
def test_half_characters_are_joined_or_dropped(chunks: list[str], text: str) -> None:
    joiner = SurrogateJoiner()
    assert "".join(map(joiner.push, chunks)) == text


@pytest.mark.parametrize(
    ("chunks", "text"),
    [
        ([" ", "\n", "Two ", "euros."], "Two euros."),
        (["**", "Two**"], "**Two**"),
        ([" ", "二"], "二"),
        ([" ", "...", "👍", "\n"], ""),
    ],
)
def test_a_reply_is_held_back_until_its_first_word(chunks: list[str], text: str) -> None:
    gate = WordGate()
    assert "".join(map(gate.push, chunks)) == text
    assert gate.open is bool(text)


@pytest.mark.parametrize(
    ("finish_reason", "retryable"),
    [(None, True), ("stop", True), ("content_filter", False), ("length", False), ("tool_calls", False)],
)
def test_a_reply_that_would_come_again_is_not_asked_for_again(finish_reason: str | None, retryable: bool) -> None:
    assert NoWordsError(finish_reason).retryable is retryable
