"""Removes SSML and HTML from streamed text: tags go, a break or the end of a block is a pause, entities are decoded."""

from __future__ import annotations

import re
from html import unescape
from typing import Final

_ATTRIBUTE: Final = r"\s+[\w:-]{1,40}\s?=\s?(?:\"[^\"<>]{0,200}\"|'[^'<>]{0,200}')"
_TAG: Final = (
    rf"<(?:/?[A-Za-z][\w:-]{{0,40}}(?:{_ATTRIBUTE}){{0,8}}\s?/?|!--[^<>]{{0,200}}--|[?!][A-Za-z][^<>]{{0,200}})>"
)
_ATTRIBUTE_PREFIX: Final = r"\s+(?:[\w:-]{1,40}(?:\s?=\s?(?:\"[^\"<>]{0,200}\"?|'[^'<>]{0,200}'?)?)?)?"
_TAG_PREFIX: Final = (
    rf"<(?:/?(?:[A-Za-z][\w:-]{{0,40}}(?:{_ATTRIBUTE}){{0,8}}(?:{_ATTRIBUTE_PREFIX})?\s?/?)?|[?!][^<>]{{0,210}})?"
)
_TAGS: Final = re.compile(rf"(?<!\s)\s*(?:{_TAG}\s*)+")
_TAIL: Final = re.compile(rf"(?<!\s)\s*(?:{_TAG}\s*)*(?:{_TAG_PREFIX}|&[#\w]{{0,30}})?$")
_PAUSE: Final = re.compile(r"<break|</?(?:br|p|s|div|li|ul|ol|tr|h[1-6])\b", re.IGNORECASE)
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z]\w{1,30});")


class MarkupFilter:
    """Removes the markup of one text. The result does not depend on the chunks."""

    def __init__(self) -> None:
        self._pending = ""
        self._last = ""

    def feed(self, piece: str) -> str:
        """Add a chunk. Returns the text that no further chunk can change."""
        self._pending += piece
        tail = _TAIL.search(self._pending)
        end = tail.start() if tail else len(self._pending)
        ready, self._pending = self._pending[:end], self._pending[end:]
        return self._plain(ready)

    def flush(self) -> str:
        """Return the rest of the text after its last chunk."""
        return self._plain(self._pending)

    def _plain(self, text: str) -> str:
        plain, at = "", 0
        for tags in _TAGS.finditer(text):
            plain += self._decoded(text[at : tags.start()])
            plain += self._gap(tags[0], is_last=tags.end() == len(text))
            at = tags.end()
        return plain + self._decoded(text[at:])

    def _decoded(self, text: str) -> str:
        text = _ENTITY.sub(lambda entity: unescape(entity[0]), text)
        self._last = text[-1:] or self._last
        return text

    def _gap(self, tags: str, *, is_last: bool) -> str:
        """Return what stands for a run of tags: a comma for a pause within a sentence, else the space around them."""
        if is_last or not self._last:
            return ""
        if _PAUSE.search(tags):
            return ", " if self._last not in ".,;:!?\u2026" else " "
        return " " if re.search(r"^\s|>\s", tags) else ""
