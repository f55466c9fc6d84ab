"""Briefings with the fields that a test needs."""

from __future__ import annotations

from contracts.agent import Briefing
from contracts.agent_options import AgentOptions

_PLAIN = Briefing(
    session_id="session_1234567890_abcdef",
    generation=1,
    user_name="ada",
    caller_identity="user_ada",
    options=AgentOptions(opening_line="Hello.", system_prompt="Be kind."),
    heartbeat_timeout_seconds=2,
)


def briefing(**changes: object) -> Briefing:
    """Return a briefing with changed fields, or changed fields of its options."""
    options = {name: changes.pop(name) for name in tuple(changes) if name in AgentOptions.model_fields}
    return _PLAIN.model_copy(update={"options": _PLAIN.options.model_copy(update=options), **changes})
