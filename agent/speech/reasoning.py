"""Removes a model's reasoning from its streamed answer.

livekit-agents removes `<think>` alone. Models also write `<thinking>` or `<reasoning>`, and where a chat template opens
the tag in the prompt, an answer starts inside it and holds the closing tag only.
"""

from __future__ import annotations

import re
from typing import Final

_NAMES: Final = "think|thinking|thought|thoughts|reasoning|reflection|scratchpad"
_TAG: Final = re.compile(rf"<(?P<close>/?)(?:{_NAMES})\s?>", re.IGNORECASE)
_TAG_PREFIX: Final = re.compile(r"</?[a-z]{0,10}\s?$", re.IGNORECASE)
_ANSWER: Final = re.compile(
    r"(?:(?<=[.!?\u2026])[\"')\]\u201d]{0,3}\s+|(?<=\S)[^\S\n]*\n\s*)"
    rf"(?!</?[a-z]{{0,10}}\s?$|</?(?:{_NAMES})\s?>)\S",
    re.IGNORECASE,
)
"""The first sentence or line has ended and another begins.

Up to here text is held, for a closing tag may follow. TTS gets whole sentences anyway, so the caller waits no longer.
"""


class ReasoningFilter:
    """Drops reasoning from one answer. The result does not depend on the chunks.

    Of an answer that starts inside its reasoning, only the first sentence is caught: more would delay every answer.
    """

    def __init__(self) -> None:
        self._pending = ""
        self._depth = 0
        self._is_answer = False
        self._has_output = False
        self._has_dropped = False

    def feed(self, piece: str) -> str:
        """Add a chunk. Returns the text that is certain to belong to the answer."""
        self._pending += piece
        kept = ""
        while tag := _TAG.search(self._pending):
            kept += self._before(tag)
            self._pending = self._pending[tag.end() :]
        prefix = _TAG_PREFIX.search(self._pending)
        end = prefix.start() if prefix else len(self._pending)
        if self._depth:
            self._pending = self._pending[end:]
        elif self._decided(self._pending):
            kept, self._pending = kept + self._pending[:end], self._pending[end:]
        return self._output(kept)

    def flush(self) -> str:
        """Return the rest of the answer after its last chunk."""
        return "" if self._depth else self._output(self._pending)

    def _before(self, tag: re.Match[str]) -> str:
        """Return the answer's text before `tag`, and step into or out of the reasoning."""
        self._has_dropped = True
        text = "" if self._depth else self._pending[: tag.start()]
        if not tag["close"]:
            self._is_answer = self._is_answer or bool(text.strip())
            self._depth += 1
            return text
        if not self._depth and not self._decided(text):
            text = ""
        self._is_answer = True
        self._depth = max(0, self._depth - 1)
        return text

    def _decided(self, text: str) -> bool:
        self._is_answer = self._is_answer or bool(_ANSWER.search(text))
        return self._is_answer

    def _output(self, text: str) -> str:
        if self._has_dropped and not self._has_output:
            text = text.lstrip()
        self._has_output = self._has_output or bool(text)
        return text
