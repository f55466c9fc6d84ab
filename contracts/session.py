"""Input, signals, queries and result of a session's workflow."""

from __future__ import annotations

from typing import Any, Final

from pydantic import Field

from contracts.agent_options import AgentOptions
from contracts.customer_webhooks import DeliveryRequest
from contracts.identities import named_caller_identity
from contracts.limits import SessionLimits
from contracts.message import Message
from contracts.session_log import SessionLog
from contracts.statuses import AgentState, EndReason, SessionStatus

_SLACK_SECONDS: Final = 24 * 60 * 60
"""Time of a session beyond its conversation: cleanup is repeated for as long as LiveKit is away."""


class SessionRequest(Message):
    """Input of the `VoiceSession` workflow.

    Without a `caller_identity` the caller is `user_<name>`, as in the reference's webhooks. `fingerprint` marks the
    request that a session was started with under an Idempotency-Key; it is empty without one.
    """

    session_id: str
    user_name: str
    options: AgentOptions = AgentOptions()
    limits: SessionLimits = SessionLimits()
    webhook_url: str = Field("", repr=False)  # receives the customer webhooks; empty: none are sent
    agent_task_queue: str = ""  # where agent hosts poll; empty: the workflow's own
    owner: str = ""  # whose API key started it; empty where none is needed
    caller_identity: str = ""
    fingerprint: str = ""
    slots: str = ""  # the workflow that has the session's slot; empty where there is no limit
    state: dict[str, Any] | None = Field(None, repr=False)  # the `SessionState` of the run that this one continues

    @property
    def caller(self) -> str:
        """The caller's LiveKit identity."""
        return self.caller_identity or named_caller_identity(self.user_name)

    @property
    def callers(self) -> frozenset[str]:
        """All identities that reports of the caller may have: the reference's webhooks name the user."""
        return frozenset((self.caller, named_caller_identity(self.user_name)))

    @property
    def delivery(self) -> DeliveryRequest | None:
        """The delivery of the session's customer webhooks; None without a URL."""
        if not self.webhook_url:
            return None
        silence_seconds = self.limits.max_duration_seconds + _SLACK_SECONDS
        return DeliveryRequest(session_id=self.session_id, url=self.webhook_url, silence_seconds=silence_seconds)


class EndRequest(Message):
    """Signal `end`: the REST client asked for the end at this moment; the conversation is billed until then."""

    at_ms: int


class SessionSummary(Message):
    """The bill and what the cleanup confirmed: part of the `view` query and of the result."""

    session_id: str
    end_reason: EndReason
    duration_seconds: int
    duration_minutes: int
    generations: int
    workflow_completed: bool
    agent_stopped: bool
    room_deleted: bool
    errors: tuple[str, ...] = ()


class SessionRecord(SessionSummary):
    """Everything that is asked of an ended session: result of the workflow.

    The bill's fields stand beside the log, as in the results of older workers, which were the bill alone.
    """

    log: SessionLog | None = Field(None, repr=False)


class SessionView(Message):
    """A session's status, agent and bill: result of the `view` query."""

    session_id: str
    user_name: str
    state: SessionStatus
    agent_state: AgentState
    generation: int
    end_reason: EndReason | None = None
    turns: int = 0
    summary: SessionSummary | None = None
