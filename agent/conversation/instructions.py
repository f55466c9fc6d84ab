"""Builds the system prompt: the customer's task, the caller's name, and the house rules.

The texts are files in `prompts/`. Customer and caller data cannot leave its marks.
"""

from __future__ import annotations

import re
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
_NOT_IN_A_NAME = re.compile(r"[^\w .,'-]+|_")
_LONGEST_NAME = 60


def _part(name: str) -> str:
    return files("agent").joinpath("prompts", f"{name}.txt").read_text("utf-8").strip()


_TASK: Final = Template(_part("task"))
_CALLER: Final = Template(_part("caller"))
HOUSE_RULES: Final = _part("house_rules")


def instructions(briefing: Briefing) -> str:
    """Return the system prompt of one session."""
    parts = [_TASK.substitute(system_prompt=_MARKS.sub("", briefing.options.system_prompt).strip())]
    if name := readable_name(briefing.user_name):
        parts.append(_CALLER.substitute(name=name))
    return "\n\n".join([*parts, HOUSE_RULES])


def readable_name(user_name: str) -> str:
    """Return a user name as one line of letters, digits and the signs of names: `john_doe` becomes "john doe"."""
    return " ".join(_NOT_IN_A_NAME.sub(" ", user_name).split())[:_LONGEST_NAME].rstrip()
