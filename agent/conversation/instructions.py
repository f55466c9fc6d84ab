"""What the language model is told: the customer's task, the caller's name, and the rules that every agent keeps.

The texts are files in `prompts/`. What comes from outside is data in them: it cannot close its own marks.
"""

from __future__ import annotations

import re
from importlib.resources import files
from string import Template
from typing import Final

from contracts.agent import Briefing

RESUMING: Final = "Sorry, I lost you for a moment. Please go on."
"""Said by an agent that takes over from a lost one when nothing is left open: what the caller said last may be lost."""
STILL_THERE: Final = "Are you still there?"
"""Asked once when nobody has said anything for a while."""
NO_ANSWER: Final = "Sorry, I could not think of an answer. Could you say that again?"
"""Said when the language model fails at a reply."""

_MARKS = re.compile(r"<\s*/?\s*task\s*/?\s*>", re.IGNORECASE)
_NOT_IN_A_NAME = re.compile(r"[^\w .,'-]+|_")
_LONGEST_NAME = 60


def _part(name: str) -> str:
    return files("agent").joinpath("prompts", f"{name}.txt").read_text("utf-8").strip()


_TASK: Final = Template(_part("task"))
_CALLER: Final = Template(_part("caller"))
HOUSE_RULES: Final = _part("house_rules")


def instructions(briefing: Briefing) -> str:
    """The system prompt of one session."""
    parts = [_TASK.substitute(system_prompt=_MARKS.sub("", briefing.options.system_prompt).strip())]
    if name := readable_name(briefing.user_name):
        parts.append(_CALLER.substitute(name=name))
    return "\n\n".join([*parts, HOUSE_RULES])


def readable_name(user_name: str) -> str:
    """A user name as a name: `john_doe` is "john doe". One line of letters, digits and what names are written with."""
    return " ".join(_NOT_IN_A_NAME.sub(" ", user_name).split())[:_LONGEST_NAME].rstrip()
