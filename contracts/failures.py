"""The types of the `ApplicationError`s that cross Temporal."""

from __future__ import annotations

from typing import Final

# `issue_join_token`, and the updates that return a join token.
JOIN_TOKEN_FAILED: Final = "JoinTokenFailed"  # noqa: S105  a name, not a credential
KEY_TAKEN: Final = "KeyTaken"
"""The Idempotency-Key was used with another request."""
SESSION_ENDING: Final = "SessionEnding"
"""The session has ended or is ending: a join token would open nothing."""

# `claim`, and the end of an agent's activity.
SUPERSEDED: Final = "Superseded"
JOIN_DEADLINE: Final = "JoinDeadline"
AGENT_NOT_SERVING: Final = "AgentNotServing"
"""Its host has it, but it is outside its room or about to leave."""
JOB_PROCESS_ENDED: Final = "JobProcessEnded"
JOB_STOOD_STILL: Final = "JobStoodStill"
"""Its host has killed it."""
AGENT_SERVER_ENDED: Final = "AgentServerEnded"
"""These last three prove that the agent is dead; after any other failure it may still be alive."""

# `deliver_webhook`.
WEBHOOK_NOT_TAKEN: Final = "WebhookNotTaken"
WEBHOOK_GONE: Final = "WebhookGone"
"""The receiver answered 410: stop delivering."""
