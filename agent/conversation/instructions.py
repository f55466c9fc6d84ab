"""Builds the system prompt: the customer's task, the caller's name, and the house rules.

The texts are files in `prompts/`. Customer and caller data cannot leave its marks.
"""

from __future__ import annotations

import re
import unicodedata
from importlib.resources import files
from string import Template
from typing import Final

from contracts.agent import Briefing

RESUMING: Final = "Sorry, I lost you for a moment. Please go on."
"""Said by the successor of a failed agent when no question is open: the caller's last sentence may be missing."""
STILL_THERE: Final = "Are you still there?"
"""Asked once after a while of silence."""
NO_ANSWER: Final = "Sorry, I could not think of an answer. Could you say that again?"
"""Said when the language model fails."""

_MARKS = re.compile(r"<\s*/?\s*task\s*/?\s*>", re.IGNORECASE)
_NAME_SIGNS = " .,'\u2019-\u200c\u200d"
"""Apostrophes of both kinds; and the joiners, without which some Indic and Persian names read wrong."""
_LONGEST_NAME = 60


def _part(name: str) -> str:
    return files("agent").joinpath("prompts", f"{name}.txt").read_text("utf-8").strip()


_TASK: Final = Template(_part("task"))
_CALLER: Final = Template(_part("caller"))
HOUSE_RULES: Final = _part("house_rules")


def instructions(briefing: Briefing) -> str:
    """Return the system prompt of one session."""
    parts = [_TASK.substitute(system_prompt=_without_marks(briefing.options.system_prompt).strip())]
    if name := readable_name(briefing.user_name):
        parts.append(_CALLER.substitute(name=name))
    return "\n\n".join([*parts, HOUSE_RULES])


def readable_name(user_name: str) -> str:
    """Return a user name as one line of letters, digits and the signs of names: `john_doe` becomes "john doe"."""
    kept = "".join(sign if _is_of_a_name(sign) else " " for sign in unicodedata.normalize("NFC", user_name))
    name = " ".join(kept.split())
    end = min(len(name), _LONGEST_NAME)
    while 0 < end < len(name) and _is_mark(name[end]):
        end -= 1  # a letter stays together with its marks
    return name[:end].rstrip()


def _is_of_a_name(sign: str) -> bool:
    return sign.isalnum() or sign in _NAME_SIGNS or _is_mark(sign)


def _is_mark(sign: str) -> bool:
    """True for what combines with the letter before it: accents, and the vowel signs of many scripts."""
    return unicodedata.category(sign).startswith("M")


def _without_marks(task: str) -> str:
    """Remove the marks around a task, also those that appear when others are removed."""
    while (shorter := _MARKS.sub("", task)) != task:
        task = shorter
    return task
