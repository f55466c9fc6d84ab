"""Playout captions: reports each sentence of an answer once it was played, so that a successor knows it."""

from __future__ import annotations

import re
from collections.abc import Callable

from livekit.agents.voice.io import TextOutput

_SENTENCES = re.compile(r".*[.!?…][\"')\]]*(?=\s+\S)", re.DOTALL)


class PlayoutCaptions(TextOutput):
    """The last text output of livekit-agents' chain, which receives words as they are played.

    Calls `on_sentences(text)` with all complete sentences of the answer, each time the next one begins to play. The
    report of the whole turn covers the last sentence.
    """

    def __init__(self, on_sentences: Callable[[str], None]) -> None:
        super().__init__(label="playout_captions", next_in_chain=None)
        self._on_sentences = on_sentences
        self._text = ""
        self._reported = ""

    async def capture_text(self, text: str) -> None:
        """Receive the next words."""
        self._text += text
        complete = _SENTENCES.match(self._text)
        if complete and complete[0] != self._reported:
            self._reported = complete[0]
            self._on_sentences(self._reported)

    def flush(self) -> None:
        """End the answer."""
        self._text = self._reported = ""
