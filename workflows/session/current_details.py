"""A session told to whoever opens it in Temporal's UI: the text under "current details". Pure."""

from __future__ import annotations

import re
from collections import deque
from datetime import UTC, datetime

from contracts.agent import ProviderChanged
from contracts.session import SessionMemory, SessionView

_FIRST = 8
_LAST = 40

_STATES = {
    "starting": "is starting: an agent is on its way",
    "waiting": "waits for the caller; the agent is there",
    "active": "is in conversation",
    "reconnecting": "waits for the caller to come back",
    "ending": "is being cleaned up",
    "ended": "has ended",
}
_PARTS = {"stt": "speech to text", "llm": "language model", "tts": "text to speech"}


class Story:
    """A numbered timeline. Its length is bounded: of a long one the beginning and the latest entries are kept."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._last: deque[str] = deque(maxlen=_LAST)
        self.length = 0

    def resume(self, memory: SessionMemory) -> None:
        """Go on with the story of an earlier run."""
        self._first, self.length = list(memory.story[:_FIRST]), memory.story_length
        self._last.extend(memory.story[_FIRST:])

    @property
    def entries(self) -> tuple[str, ...]:
        """What is kept, oldest first."""
        return (*self._first, *self._last)

    def add(self, now: float, what: str) -> None:
        """`what` happened at this time (the workflow's seconds)."""
        entry = f"{datetime.fromtimestamp(now, UTC):%H:%M:%S} {what}"
        (self._first if len(self._first) < _FIRST else self._last).append(entry)
        self.length += 1

    def tell(self, view: SessionView) -> str:
        """Markdown: who, where the session stands, its agent, what happened (times in UTC), and the bill."""
        lines = [
            f"{_as_written(view.user_name)}'s session {_STATES[view.state]}.",
            "",
            f"- agent: generation {view.generation}, {view.agent_state}",
            f"- turns: {view.turns}",
        ]
        if view.end_reason is not None:
            lines.append(f"- end reason: {view.end_reason}")
        if view.summary is not None:
            lines.append(f"- billed: {view.summary.duration_seconds} s = {view.summary.duration_minutes} min")
        return "\n".join([*lines, "", *self._timeline()])

    def _timeline(self) -> list[str]:
        left_out = self.length - len(self._first) - len(self._last)
        numbers = [*range(1, len(self._first) + 1), *range(len(self._first) + left_out + 1, self.length + 1)]
        lines = [f"{number}. {entry}" for number, entry in zip(numbers, self.entries, strict=True)]
        if left_out:
            lines.insert(len(self._first), f"\n… {left_out} entries are left out here …\n")
        return lines


def _as_written(name: str) -> str:
    """What a stranger wrote, as code: links and images in it are not drawn for the operator who opens the session."""
    longest = max(map(len, re.findall("`+", name)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {name} {fence}" if longest else f"{fence}{name}{fence}"


def provider_news(report: ProviderChanged) -> str:
    """What became of a provider of speech, and what that means."""
    who = f"generation {report.generation}: {_PARTS[report.part]} {report.provider}"
    if report.available:
        return f"{who} is back"
    return f"{who} failed, {f'{report.next_up} takes over' if report.next_up else 'and there is no other'}"
