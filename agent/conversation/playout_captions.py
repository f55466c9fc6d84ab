"""What of an answer has sounded already, sentence by sentence: known also when the agent dies in the middle."""

from __future__ import annotations

import re
from collections.abc import Callable

from livekit.agents.voice.io import TextOutput

_SENTENCES = re.compile(r".*[.!?…][\"')\]]*(?=\s+\S)", re.DOTALL)


class PlayoutCaptions(TextOutput):
    """The end of livekit-agents' chain of captions, which come at the pace of the voice.

    `on_sentences(text)` is called with all whole sentences of an answer so far, each time another one begins to sound.
    The last sentence is left to the report of the whole turn.
    """

    def __init__(self, on_sentences: Callable[[str], None]) -> None:
        super().__init__(label="playout_captions", next_in_chain=None)
        self._on_sentences = on_sentences
        self._text = ""
        self._told = ""

    async def capture_text(self, text: str) -> None:
        """Take in the next words."""
        self._text += text
        whole = _SENTENCES.match(self._text)
        if whole and whole[0] != self._told:
            self._told = whole[0]
            self._on_sentences(self._told)

    def flush(self) -> None:
        """The answer is over."""
        self._text = self._told = ""
