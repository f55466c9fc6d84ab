"""A briefing as an agent's job gets it from its claim; what a test is about is given as changes."""

from __future__ import annotations

from typing import Any

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


def briefing(**changes: Any) -> Briefing:
    """A briefing with these fields, or fields of its options, and plain others."""
    options = {name: changes.pop(name) for name in tuple(changes) if name in AgentOptions.model_fields}
    return _PLAIN.model_copy(update={"options": _PLAIN.options.model_copy(update=options), **changes})
