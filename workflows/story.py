"""A session told to whoever opens it in Temporal's UI: the text under "current details". Pure."""

from __future__ import annotations

from contracts import SessionView

_STATES = {
    "starting": "is starting: an agent is on its way",
    "waiting": "waits for the caller; the agent is there",
    "active": "is in conversation",
    "reconnecting": "waits for the caller to come back",
    "ending": "is being cleaned up",
    "ended": "has ended",
}


def tell(view: SessionView, losses: list[str]) -> str:
    """Markdown: who, where the session stands, its agent, what was lost on the way, and the bill."""
    lines = [
        f"**{view.user_name}**'s session {_STATES[view.state]}.",
        "",
        f"- agent: generation {view.generation}, {view.agent_state}",
        f"- turns: {view.turns}",
    ]
    lines += [f"- {loss}" for loss in losses]
    if view.end_reason is not None:
        lines.append(f"- end reason: {view.end_reason}")
    if view.summary is not None:
        lines.append(f"- billed: {view.summary.duration_seconds} s = {view.summary.duration_minutes} min")
    return "\n".join(lines)
