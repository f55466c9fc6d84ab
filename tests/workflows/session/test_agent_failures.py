"""An agent's exit: in plain words, proven dead or not, and counted for a crash loop or not."""

from __future__ import annotations

import pytest
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError, TimeoutError, TimeoutType

from contracts.agent import AgentOutcome
from contracts.failures import AGENT_SERVER_ENDED, JOB_PROCESS_ENDED, JOIN_DEADLINE
from contracts.limits import SessionLimits
from workflows.session.agent_failures import Exit, exit_of
from workflows.session.clock import span

LIMITS = SessionLimits(agent_heartbeat_timeout_seconds=2)


def failed(cause: Exception) -> ActivityError:
    error = ActivityError(
        "Activity task failed",
        scheduled_event_id=1,
        started_event_id=2,
        identity="",
        activity_type="launch_agent",
        activity_id="1",
        retry_state=None,
    )
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("outcome", "exited", "crash"),
    [
        (AgentOutcome(generation=1, cause="the room is gone"), Exit("it left: the room is gone"), True),
        (AgentOutcome(generation=1, cause="drain", handed_over=True), Exit("it handed over", handed_over=True), False),
        (
            failed(ApplicationError("exit code -9", type=JOB_PROCESS_ENDED)),
            Exit("its job process ended", is_dead=True),
            True,
        ),
        (
            failed(ApplicationError("gone", type=AGENT_SERVER_ENDED)),
            Exit("its AgentServer ended", is_dead=True),
            True,
        ),
        (
            failed(TimeoutError("activity Heartbeat timeout", type=TimeoutType.HEARTBEAT, last_heartbeat_details=[])),
            Exit("no sign of life for 2 s", fell_silent=True, is_suspect=True),
            True,
        ),
        (
            failed(ApplicationError("no agent joined", type=JOIN_DEADLINE)),
            Exit("no agent joined", never_came=True),
            False,
        ),
        (failed(CancelledError("cancelled")), Exit("cancelled"), True),
        (failed(ApplicationError("two\n  lines " + "x" * 200)), Exit("two lines " + "x" * 89 + "…"), True),
    ],
)
def test_exits(outcome: AgentOutcome | ActivityError, exited: Exit, crash: bool) -> None:
    assert exit_of(outcome, LIMITS) == exited
    assert exited.counts_as_crash is crash


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-1, "0.0 s"), (0.71, "0.7 s"), (9.4, "9.4 s"), (12.6, "13 s"), (59.9, "1 min 0 s"), (7265, "121 min 5 s")],
)
def test_spans(seconds: float, words: str) -> None:
    assert span(seconds) == words
