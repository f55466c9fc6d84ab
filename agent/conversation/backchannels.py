"""Sounds by which a listener says no more than that they listen: not a reason for an agent to stop. Pure."""

from __future__ import annotations

import re
from typing import Final

_HUM: Final = re.compile(r"m+h*m*|h+u*m+|[aeou]+h+|hu+h|ha|aha|mama")
"""A syllable of humming, or what a recognizer makes of it: the embedded one writes "Mama" for mm-hm, "Eh-ha" for
uh-huh."""
_ASSENTS: Final = frozenset(
    {
        *("yeah", "yes", "yep", "yup", "okay", "ok", "right", "sure", "alright", "true", "exactly", "indeed"),
        *("good", "great", "nice", "fine", "cool", "wow", "i see", "all right", "got it", "of course", "go on"),
    }
)
_WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_MOST_WORDS: Final = 4


def is_backchannel(text: str, *, asked: bool) -> bool:
    """Whether `text`, recognized while the agent speaks, is mere listening ("Mm-hm.", "Okay, right.").

    `asked`: an assent is an answer, to a question in what the agent says or to something before it; only a hum is not.
    """
    words = _WORD.findall(text.lower())
    if len(words) > _MOST_WORDS:
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
