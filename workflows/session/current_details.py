"""A session's "current details" in Temporal's UI: status, bill and timeline, rendered from its state. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from contracts.agent import ProviderChanged
from contracts.session import SessionView
from workflows.session.event_log import EventLog
from workflows.session.state import SessionState

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


def current_details(state: SessionState, view: SessionView) -> str:
    """Markdown: who, where the session stands, its agent, its bill, and its timeline (times in UTC)."""
    lines = [
        f"{_as_code(view.user_name)}'s session {_STATES[view.state]}.",
        "",
        f"- agent: generation {view.generation}, {view.agent_state}",
        f"- turns: {view.turns}",
    ]
    if state.run > 1:
        lines.append(f"- run: {state.run}, continued as new since the history grew long")
    if view.end_reason is not None:
        lines.append(f"- end reason: {view.end_reason}")
    if view.summary is not None:
        lines.append(f"- billed: {view.summary.duration_seconds} s = {view.summary.duration_minutes} min")
    return "\n".join([*lines, "", *_timeline(state.events)])


def _timeline(log: EventLog) -> list[str]:
    """Events by number; turns are left out. Of a long timeline the beginning and the latest entries are shown."""

    def line(at: int) -> str:
        event = log.kept[at]
        return f"{log.dropped + at + 1}. {datetime.fromtimestamp(event.at_ms / 1000, UTC):%H:%M:%S} {event.words}"

    shown = [at for at, event in enumerate(log.kept) if event.words]
    if len(shown) <= _FIRST + _LAST:
        return [line(at) for at in shown]
    gap = f"\n… {len(shown) - _FIRST - _LAST} entries are left out here …\n"
    return [*(line(at) for at in shown[:_FIRST]), gap, *(line(at) for at in shown[-_LAST:])]


def _as_code(name: str) -> str:
    """A stranger's text as code: links and images in it are not drawn for the operator who opens the session."""
    longest = max(map(len, re.findall("`+", name)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {name} {fence}" if longest else f"{fence}{name}{fence}"


def provider_change(report: ProviderChanged) -> str:
    """A line of the timeline: a provider's failure or return, and the fallback."""
    subject = f"generation {report.generation}: {_PARTS[report.part]} {report.provider}"
    if report.available:
        return f"{subject} is back"
    return f"{subject} failed, {f'{report.next_up} takes over' if report.next_up else 'and there is no fallback'}"
