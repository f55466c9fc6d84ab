"""Every way in which a session ends, its bill, and that its clean-up was done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from contracts import search_attributes
from contracts.limits import SessionLimits
from contracts.session import SessionSummary
from contracts.statuses import AgentState, EndReason, SessionStatus
from tests.workflows.driver import PATIENT, Session

pytestmark = pytest.mark.asyncio(loop_scope="session")

NewSession = Callable[..., Session]


async def assert_ended(session: Session, reason: EndReason) -> SessionSummary:
    summary = await session.result()
    assert summary.end_reason is reason
    assert (summary.workflow_completed, summary.agent_stopped, summary.room_deleted) == (True, True, True)
    assert summary.errors == ()
    assert session.scene.closes >= 1
    view = await session.view()
    assert (view.state, view.agent_state, view.summary) == (SessionStatus.ENDED, AgentState.STOPPED, summary)
    return summary


async def test_states_from_start_to_end(session: Session) -> None:
    await session.start()
    agent = await session.agent(ready=False)
    assert (await session.view()).state is SessionStatus.STARTING
    await agent.claim()
    await agent.ready()
    assert (await session.view()).state is SessionStatus.WAITING
    joined = await session.join()
    assert (await session.view()).state is SessionStatus.ACTIVE
    await session.leave()
    assert (await session.view()).state is SessionStatus.RECONNECTING
    await session.join("PA_2")
    assert (await session.view()).state is SessionStatus.ACTIVE
    session.scene.close_gate.clear()
    await session.end(joined + 2000)
    assert (await session.view()).state is SessionStatus.ENDING
    session.scene.close_gate.set()
    await assert_ended(session, EndReason.API_REQUEST)


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 0), (1, 1), (59, 1), (60, 1), (61, 2)])
async def test_the_bill_at_its_boundaries(session: Session, seconds: int, minutes: int) -> None:
    await session.start()
    await session.agent()
    joined = await session.join()
    await session.skip(seconds + 0.5)
    await session.end(joined + seconds * 1000)
    summary = await assert_ended(session, EndReason.API_REQUEST)
    assert (summary.duration_seconds, summary.duration_minutes) == (seconds, minutes)
    attributes = (await session.handle.describe()).typed_search_attributes
    assert attributes[search_attributes.USER] == "ann"
    assert attributes[search_attributes.STATE] == "ended"
    assert attributes[search_attributes.END_REASON] == "api_request"
    assert attributes[search_attributes.DURATION] == seconds


async def test_an_end_outside_the_sessions_time_is_brought_into_it(session: Session) -> None:
    await session.in_conversation()
    await session.end(at_ms=await session.now_ms() + 3_600_000)
    assert (await assert_ended(session, EndReason.API_REQUEST)).duration_seconds < 10


async def test_room_finished(session: Session) -> None:
    await session.in_conversation()
    await session.room_finished()
    await assert_ended(session, EndReason.ROOM_FINISHED)


async def test_no_show(session: Session) -> None:
    await session.start()
    await session.agent()
    await session.until(SessionStatus.WAITING)
    await session.skip(119)
    summary = await assert_ended(session, EndReason.NO_SHOW)
    assert (summary.duration_seconds, summary.duration_minutes) == (0, 0)
    assert session.scene.looks == 1


async def test_a_caller_who_left_pays_no_grace(session: Session) -> None:
    await session.in_conversation()
    joined = await session.join()
    await session.skip(61)
    left = await session.leave()
    await session.skip(29)
    summary = await assert_ended(session, EndReason.CALLER_LEFT)
    assert abs(summary.duration_seconds - (left - joined) // 1000) <= 1
    assert session.scene.looks == 1


async def test_a_caller_who_comes_back_within_the_grace_goes_on(session: Session) -> None:
    await session.in_conversation()
    await session.leave()
    await session.skip(28)
    await session.join("PA_2")
    await session.skip(60)
    assert (await session.view()).state is SessionStatus.ACTIVE
    assert session.scene.looks == 0
    await session.end()
    assert 88 <= (await assert_ended(session, EndReason.API_REQUEST)).duration_seconds <= 90


async def test_the_room_contradicts_an_absence(session: Session) -> None:
    await session.start()
    await session.agent()
    await session.until(SessionStatus.WAITING)
    now = await session.now_ms()
    session.scene.callers = (session.sighting("joined", "PA_1", now + 119_500),)
    await session.skip(119)
    assert (await session.until(SessionStatus.ACTIVE)).end_reason is None
    await session.end()
    await assert_ended(session, EndReason.API_REQUEST)


async def test_a_failed_room_check_is_no_absence(new_session: NewSession) -> None:
    session = new_session(PATIENT.model_copy(update={"max_duration_seconds": 130, "no_show_seconds": 60}))
    session.scene.look_fails = True
    await session.start()
    await session.agent()
    await session.until(SessionStatus.WAITING)
    await session.skip(59)
    async with asyncio.timeout(10):
        await session.scene.looked.wait()
    assert (await session.view()).end_reason is None
    session.scene.looked.clear()
    await session.skip(59)
    async with asyncio.timeout(10):
        await session.scene.looked.wait()
    await session.skip(8)
    await assert_ended(session, EndReason.MAX_DURATION)
    assert session.scene.looks == 2


async def test_a_room_check_that_hangs_delays_no_end(session: Session) -> None:
    session.scene.look_gate.clear()
    session.scene.close_gate.clear()
    await session.start()
    await session.agent()
    await session.skip(119)
    async with asyncio.timeout(10):
        await session.scene.looked.wait()
    await session.end()
    async with asyncio.timeout(3):
        while not session.scene.closes:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    session.scene.look_gate.set()
    await session.looks_over()
    session.scene.close_gate.set()
    await assert_ended(session, EndReason.API_REQUEST)


async def test_the_longest_duration_counts_from_the_join(new_session: NewSession) -> None:
    session = new_session(PATIENT.model_copy(update={"max_duration_seconds": 600}))
    await session.start()
    await session.agent()
    await session.skip(100)
    await session.join()
    await session.skip(598)
    assert (await session.view()).state is SessionStatus.ACTIVE
    assert (await assert_ended(session, EndReason.MAX_DURATION)).duration_seconds in (600, 601)


async def test_duplicated_and_shuffled_events(session: Session) -> None:
    await session.start()
    await session.agent()
    base = await session.now_ms()
    await session.skip(61)
    events = [("leave", "B", 61_000), ("join", "B", 30_000), ("leave", "A", 20_000), ("join", "A", 1_000)]
    for kind, sid, at in [*events, *reversed(events), *events]:
        await (session.join if kind == "join" else session.leave)(sid, base + at)
    await session.end(base + 61_000)
    assert (await assert_ended(session, EndReason.API_REQUEST)).duration_seconds == 60


async def test_eight_ends_at_once_give_one_bill(session: Session) -> None:
    await session.in_conversation()
    now = await session.now_ms()
    await asyncio.gather(*(session.end(now) for _ in range(8)))
    summaries = await asyncio.gather(*(session.result() for _ in range(8)))
    assert len(set(summaries)) == 1
    assert await assert_ended(session, EndReason.API_REQUEST) == summaries[0]
    assert session.scene.closes == 1


async def test_the_bill_does_not_wait_for_a_room_that_is_not_deleted(session: Session) -> None:
    await session.in_conversation()
    session.scene.close_gate.clear()
    await session.end()
    settled = await session.settled()
    assert (settled.workflow_completed, settled.room_deleted) == (False, False)
    assert "room is deleted" in settled.errors[0]
    assert (await session.view()).state is SessionStatus.ENDING
    session.scene.close_failures = session.scene.closes + 1
    session.scene.close_gate.set()
    summary = await assert_ended(session, EndReason.API_REQUEST)
    assert summary.duration_seconds == settled.duration_seconds
    assert session.scene.closes == session.scene.close_failures + 1


@pytest.mark.slow  # 4 s of real time: the server's clock stands still while the room is being deleted
async def test_the_bill_waits_for_a_late_report_of_the_join(session: Session) -> None:
    await session.start()
    await session.agent()
    joined_at_ms = await session.now_ms()
    session.scene.close_gate.clear()
    await asyncio.sleep(1)
    await session.end()
    await asyncio.sleep(3.5)  # longer than the bill of a known caller would wait
    assert (await session.view()).summary is None
    await session.join(at_ms=joined_at_ms)
    session.scene.close_gate.set()
    assert (await session.result()).duration_seconds >= 1


async def test_a_join_token_that_fails_fails_its_update_and_ends_the_session(session: Session) -> None:
    session.scene.join_token_failures = 2
    update = await session.join_token()
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await update.result()
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "JoinTokenFailed"
    assert "out of order" in failure.value.cause.message
    summary = await session.result()
    assert (summary.end_reason, summary.duration_seconds) == (EndReason.ERROR, 0)
    assert (session.scene.launches, session.scene.closes) == ([], 0)
    assert (await session.view()).agent_state is AgentState.STOPPED


async def test_a_join_token_is_tried_twice(session: Session) -> None:
    session.scene.join_token_failures = 1
    join_token = await (await session.join_token()).result()
    assert (join_token.room_name, join_token.identity) == (session.id, session.request.caller_identity)
    await session.agent()
    await session.end()
    await assert_ended(session, EndReason.API_REQUEST)


async def test_signals_before_the_first_task_are_handled(session: Session) -> None:
    await session.start(first_signal=session.sighting("joined", "PA_1", await session.now_ms()))
    await session.agent()
    await session.until(SessionStatus.ACTIVE)
    await session.end()
    await assert_ended(session, EndReason.API_REQUEST)


LIMITED = SessionLimits(agent_heartbeat_timeout_seconds=1, agent_launch_limit_seconds=1)


async def test_no_agent_within_the_launch_limit(new_session: NewSession) -> None:
    session = new_session(LIMITED)
    session.scene.launching = "misses its deadline"
    await session.start()
    summary = await assert_ended(session, EndReason.AGENT_UNAVAILABLE)
    assert summary.generations == len(session.scene.launches) >= 2


async def test_a_session_does_not_end_for_want_of_an_agent_while_one_answers_in_the_room(
    new_session: NewSession,
) -> None:
    """Its host may be cut off from Temporal for longer than the launch limit; the caller talks to it."""
    session = new_session(LIMITED)
    agent = await session.in_conversation()
    session.scene.launching = "hangs"
    session.scene.answering = (agent.identity,)
    await agent.die_silently()
    async with asyncio.timeout(30):
        while session.scene.looks < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert (await session.view()).state is SessionStatus.ACTIVE
    session.scene.answering = ()
    await assert_ended(session, EndReason.AGENT_UNAVAILABLE)


async def test_a_launch_that_was_taken_in_time_has_the_launch_limit(new_session: NewSession) -> None:
    session = new_session(PATIENT.model_copy(update={"agent_wait_seconds": 10}))
    await session.start()
    agent = await session.agent(ready=False)
    await agent.claim()
    await session.skip(30)
    await agent.ready()
    await session.until(SessionStatus.WAITING)
    await session.end()
    await session.result()


async def test_a_hanging_launch_is_cancelled_at_the_launch_limit(new_session: NewSession) -> None:
    session = new_session(LIMITED)
    session.scene.launching = "hangs"
    await session.start()
    assert (await assert_ended(session, EndReason.AGENT_UNAVAILABLE)).generations == 1


async def test_a_launch_is_over_before_the_room_is_deleted(session: Session) -> None:
    """Its host makes the room, and would make it again."""
    await session.start()
    agent = await session.agent(ready=False)
    await agent.claim()
    await session.end()
    await assert_ended(session, EndReason.API_REQUEST)
    steps = [
        (event.event_type, event.activity_task_scheduled_event_attributes.activity_type.name)
        for event in (await session.handle.fetch_history()).events
    ]
    cancelled = steps.index((EventType.EVENT_TYPE_ACTIVITY_TASK_CANCELED, ""))
    assert cancelled < steps.index((EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, "close_room"))


async def test_a_launch_that_hangs_delays_no_bill(session: Session) -> None:
    await session.start()
    agent = await session.agent(ready=False)
    await agent.claim()
    await agent.miss_heartbeats()
    await session.end()
    await session.settled()
    await agent.leave()
    await assert_ended(session, EndReason.API_REQUEST)
