"""Recognizes backchannels ("mm-hm", "okay"): a caller's sounds of listening that do not interrupt the agent. Pure."""

from __future__ import annotations

import re
from typing import Final

_HUM: Final = re.compile(r"m+h*m*|h+u*m+|[aeou]+h+|hu+h|ha|aha|mama")
"""A syllable of humming, as STT writes it: the embedded one makes "Mama" of mm-hm and "Eh-ha" of uh-huh."""
_ASSENTS: Final = frozenset(
    {
        *("yeah", "yes", "yep", "yup", "okay", "ok", "right", "sure", "alright", "true", "exactly", "indeed"),
        *("good", "great", "nice", "fine", "cool", "wow", "i see", "all right", "got it", "of course", "go on"),
    }
)
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_MAX_WORDS: Final = 4


def is_backchannel(text: str, *, asked: bool) -> bool:
    """True if `text`, recognized while the agent speaks, is a backchannel ("Mm-hm.", "Okay, right.").

    `asked`: the caller may be answering a question. Then an assent is an answer, and only a hum is a backchannel.
    """
    words = _WORD.findall(text.lower())
    if len(words) > _MAX_WORDS:
        return False
    at = 0
    while at < len(words):
        if _HUM.fullmatch(words[at]) or (not asked and words[at] in _ASSENTS):
            at += 1
        elif not asked and " ".join(words[at : at + 2]) in _ASSENTS:
            at += 2
        else:
            return False
    return True
