"""Calls a session's activities: how long each may take, and how often it is tried."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import Priority, RetryPolicy
from temporalio.exceptions import ActivityError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.interface import AgentActivities, SessionActivities
    from contracts.agent import AdoptRequest, AgentOutcome, LaunchRequest
    from contracts.join_token import JoinToken, JoinTokenRequest
    from contracts.limits import RoomTimeouts
    from contracts.room import RoomRequest, RoomView
    from contracts.session import SessionRequest
    from workflows.session.generations import Generation

T = TypeVar("T")

_LOOK_TIMEOUT = timedelta(seconds=15)
_ADOPTION_TIMEOUT = timedelta(seconds=2)
_SLACK = timedelta(minutes=10)
"""Time of an agent's activity beyond the session's own timers, which end it long before."""


async def issue_join_token(session: SessionRequest) -> JoinToken:
    """Make the room, and a join token for it."""
    return await _join_token(session, session.limits.room_timeouts)


async def renew_join_token(session: SessionRequest) -> JoinToken:
    """Make a join token alone: a room that was made once more could outlive a session that ends meanwhile."""
    return await _join_token(session, None)


async def _join_token(session: SessionRequest, timeouts: RoomTimeouts | None) -> JoinToken:
    """Local, so that the join token takes one workflow task: a REST client waits for it."""
    return await workflow.execute_local_activity_method(
        SessionActivities.issue_join_token,
        JoinTokenRequest(session_id=session.session_id, identity=session.caller, timeouts=timeouts),
        start_to_close_timeout=timedelta(seconds=3),
        retry_policy=RetryPolicy(maximum_attempts=2, initial_interval=timedelta(milliseconds=100)),
    )


def launch_agent(
    session: SessionRequest,
    generation: int,
    *,
    predecessor_may_live: bool,
    predecessor_is_silent: bool,
    reason: str,
) -> workflow.ActivityHandle[AgentOutcome]:
    """One attempt: the workflow decides what follows a failure, and is quicker than a retry.

    `reason`, why this generation is needed, stands beside its number in Temporal's UI.
    """
    limits = session.limits
    return workflow.start_activity_method(
        AgentActivities.launch_agent,
        LaunchRequest(
            session_id=session.session_id,
            generation=generation,
            timeouts=limits.room_timeouts,
            predecessor_may_live=predecessor_may_live,
            predecessor_is_silent=predecessor_is_silent,
        ),
        task_queue=session.agent_task_queue or None,
        # A call that has lost its agent goes before a new one; owners share agent hosts fairly.
        priority=Priority(priority_key=3 if generation == 1 else 1, fairness_key=session.owner or None),
        start_to_close_timeout=timedelta(seconds=limits.max_duration_seconds) + _SLACK,
        heartbeat_timeout=timedelta(seconds=limits.agent_heartbeat_timeout_seconds),
        retry_policy=RetryPolicy(maximum_attempts=1),
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=f"agent generation {generation}, {reason}",
    )


def adopt_agent(session: SessionRequest, serving: Generation, reason: str) -> workflow.ActivityHandle[AgentOutcome]:
    """One attempt, on the task queue of the agent's host alone: is it still there, and goes on heartbeating?

    A host that does not answer within `_ADOPTION_TIMEOUT` is lost, and its agent with it.
    """
    limits = session.limits
    return workflow.start_activity_method(
        AgentActivities.adopt_agent,
        AdoptRequest(session_id=session.session_id, generation=serving.number),
        task_queue=serving.host or session.agent_task_queue or None,
        schedule_to_start_timeout=_ADOPTION_TIMEOUT,
        start_to_close_timeout=timedelta(seconds=limits.max_duration_seconds) + _SLACK,
        heartbeat_timeout=timedelta(seconds=limits.agent_heartbeat_timeout_seconds),
        retry_policy=RetryPolicy(maximum_attempts=1),
        cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
        summary=f"agent generation {serving.number} goes on, {reason}",
    )


def look_at_room(session: SessionRequest, *, probe_agents: bool = False) -> workflow.ActivityHandle[RoomView]:
    """Try for some seconds only: the caller's absence is not worth waiting for."""
    return workflow.start_activity_method(
        SessionActivities.look_at_room,
        RoomRequest(session_id=session.session_id, probe_agents=probe_agents),
        start_to_close_timeout=timedelta(seconds=4),
        schedule_to_close_timeout=_LOOK_TIMEOUT,
        summary="does no agent answer in the room?" if probe_agents else "is the caller really gone?",
    )


async def close_room(session: SessionRequest) -> RoomView:
    """Try until it is done."""
    return await workflow.execute_activity_method(
        SessionActivities.close_room,
        RoomRequest(session_id=session.session_id),
        start_to_close_timeout=timedelta(seconds=10),
        retry_policy=RetryPolicy(
            initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30), backoff_coefficient=2
        ),
        summary="delete the room",
    )


def cause(error: BaseException) -> str:
    """The message of the error's origin."""
    origin = (error.cause if isinstance(error, ActivityError) else None) or error
    return origin.message if isinstance(origin, FailureError) else str(origin)


async def uninterrupted(ending: Coroutine[Any, Any, T]) -> T:
    """Finish `ending` whatever cancellations arrive meanwhile: a cleanup is never left half done."""
    task = asyncio.create_task(ending)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():  # the cancellation came with the last step
                return task.result()
