"""Checks what a chat endpoint streams: a reply needs words, in text that can be encoded.

A reply without words would be silence for the caller, so it is a failed request: a fallback is asked, or the agent
apologizes.
"""

from __future__ import annotations

from typing import Final

from livekit.agents import APIError

_REPEATABLE: Final = frozenset({None, "stop"})
"""Finish reasons after which the same request can have words: a content filter, a reply of reasoning alone and a tool
call would come again."""


class NoWordsError(APIError):
    """The endpoint ended its reply without a word. The text names the finish reason alone."""

    def __init__(self, finish_reason: str | None) -> None:
        super().__init__(
            f"The reply has no words (finish reason: {finish_reason}).", retryable=finish_reason in _REPEATABLE
        )


class SurrogateJoiner:
    """Joins characters whose UTF-16 halves come in two chunks. Drops halves that stay alone: nothing encodes them."""

    def __init__(self) -> None:
        self._half = ""

    def push(self, text: str) -> str:
        """Return the text that is complete."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "ignore")


class WordGate:
    """Holds a reply back until its first word, so that nothing of a reply without words is spoken or recorded.

    Emoji and punctuation are no words: text to speech makes no sound of them.
    """

    def __init__(self) -> None:
        self.open = False
        self._held = ""

    def push(self, text: str) -> str:
        """Return the text that may be spoken."""
        if self.open:
            return text
        self._held += text
        self.open = any(character.isalnum() for character in text)
        return self._held.lstrip() if self.open else ""
