"""Which timer ends a session next, as things stand now. Pure; times are the workflow's seconds."""

from __future__ import annotations

from typing import NamedTuple

from contracts.limits import SessionLimits
from contracts.statuses import EndReason
from workflows.session.caller_presence import CallerPresence
from workflows.session.generations import AgentWatch


class Deadline(NamedTuple):
    """When the session ends unless something happens before, and why."""

    at: float
    reason: EndReason

    @property
    def rests_on_absence(self) -> bool:
        """Whether it supposes that the caller is gone, which reports that were lost could belie."""
        return self.reason in (EndReason.NO_SHOW, EndReason.CALLER_LEFT)

    def stands_until(self, later: Deadline) -> bool:
        """Whether `later` is this one put off by what was said. A timer a turn would cost three events."""
        return self.reason is later.reason is EndReason.IDLE and self.at <= later.at


def next_deadline(
    limits: SessionLimits,
    caller: CallerPresence,
    agent: AgentWatch,
    *,
    started_at: float,
    looked_at: float,
    last_sign_at: float,
) -> Deadline:
    """The nearest one.

    The wait for the caller begins anew at `looked_at` (0 before the first time): LiveKit was asked who is in the room,
    or a join token was asked for once more. Silence is counted from `last_sign_at`, when last something was said, the
    caller came, or an agent got the word; not while there is no agent who could hear the caller.
    """
    joined_at_ms = caller.first_joined_at_ms
    began = started_at if joined_at_ms is None else joined_at_ms / 1000
    deadlines = [Deadline(began + limits.max_duration_seconds, EndReason.MAX_DURATION)]
    if joined_at_ms is None:
        since = max(started_at, looked_at)
        deadlines.append(Deadline(since + limits.no_show_seconds, EndReason.NO_SHOW))
    elif not caller.present:
        since = max((caller.last_left_at_ms or 0) / 1000, looked_at)
        deadlines.append(Deadline(since + limits.reconnect_grace_seconds, EndReason.CALLER_LEFT))
    elif limits.idle_seconds and agent.missing_since is None:
        deadlines.append(Deadline(max(began, last_sign_at) + limits.idle_seconds, EndReason.IDLE))
    if agent.missing_since is not None:
        deadlines.append(Deadline(agent.missing_since + limits.agent_launch_limit_seconds, EndReason.AGENT_UNAVAILABLE))
    return min(deadlines)
