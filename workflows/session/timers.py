"""The timer that ends a session next. Pure; times are the workflow's seconds."""

from __future__ import annotations

from typing import NamedTuple

from contracts.limits import SessionLimits
from contracts.statuses import EndReason
from workflows.session.generations import Generations, Phase
from workflows.session.state import SessionState

_REPORTED_AFTER_SECONDS = 3
"""An agent host has taken a launch this long before its job's claim is here, at most."""


class Deadline(NamedTuple):
    """The time at which the session ends unless something happens before, and the reason."""

    at: float
    reason: EndReason

    @property
    def rests_on_absence(self) -> bool:
        """True if it supposes that the caller is away, which lost reports could belie."""
        return self.reason in (EndReason.NO_SHOW, EndReason.CALLER_LEFT)

    def stands_until(self, later: Deadline) -> bool:
        """True if `later` is this one put off by a turn or a claim. A timer for each would cost three events."""
        return self.reason is later.reason and self.reason in _PUT_OFF and self.at <= later.at


_PUT_OFF = (EndReason.IDLE, EndReason.AGENT_UNAVAILABLE)


def next_deadline(limits: SessionLimits, state: SessionState) -> Deadline:
    """The nearest one.

    The wait for the caller begins anew at `last_room_check_at` (0 before the first check). Silence is counted from
    `last_activity_at`, and not while there is no agent who could hear the caller.
    """
    caller, missing_since = state.caller, state.agents.missing_since
    joined_at_ms = caller.first_joined_at_ms
    began = state.started_at if joined_at_ms is None else joined_at_ms / 1000
    deadlines = [Deadline(began + limits.max_duration_seconds, EndReason.MAX_DURATION)]
    if joined_at_ms is None:
        since = max(state.started_at, state.last_room_check_at)
        deadlines.append(Deadline(since + limits.no_show_seconds, EndReason.NO_SHOW))
    elif not caller.present:
        since = max((caller.missed_since_ms or 0) / 1000, state.last_room_check_at)
        deadlines.append(Deadline(since + limits.reconnect_grace_seconds, EndReason.CALLER_LEFT))
    elif limits.idle_seconds and missing_since is None:
        deadlines.append(Deadline(max(began, state.last_activity_at) + limits.idle_seconds, EndReason.IDLE))
    if missing_since is not None:
        deadlines.append(Deadline(missing_since + _launch_limit(limits, state.agents), EndReason.AGENT_UNAVAILABLE))
    return min(deadlines)


def _launch_limit(limits: SessionLimits, agents: Generations) -> float:
    """Seconds without an agent that end the session. The first launch may wait less than that for an agent host."""
    coming = agents.coming
    is_queued = coming is None or coming.phase is Phase.QUEUED
    if limits.agent_wait_seconds is None or agents.launched > 1 or not is_queued:
        return limits.agent_launch_limit_seconds
    return min(limits.agent_launch_limit_seconds, limits.agent_wait_seconds + _REPORTED_AFTER_SECONDS)
