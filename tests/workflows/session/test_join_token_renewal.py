"""A start under a key happens once, whatever becomes of its first attempt; callers who come back get a join token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import pytest_asyncio
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.testing import WorkflowEnvironment

from api.gateway.sessions import TemporalSessions
from connections.temporal_client import LazyClient
from contracts.failures import SESSION_ENDING
from contracts.identities import new_session_id
from contracts.join_token import JoinToken, ValidJoinTokenRequest
from contracts.room import Presence
from contracts.session import SessionRequest
from contracts.statuses import EndReason, SessionStatus
from errors import JoinTokenFailed, KeyTaken, NoWorkerAnswered, SessionEnded, SessionNotFound
from settings import TemporalSettings
from tests.fakes.activities import FakeActivities
from tests.fakes.dev_server import settings_at
from tests.workflows.driver import PATIENT, Session
from worker import build_worker
from workflows.voice_session import VoiceSession

pytestmark = pytest.mark.asyncio(loop_scope="session")

NewSession = Callable[..., Session]
NewApi = Callable[..., TemporalSessions]
AT_ONCE = 100
HOUR = 3600


@pytest_asyncio.fixture(loop_scope="session")
async def new_api(time_skipping: WorkflowEnvironment) -> AsyncIterator[NewApi]:
    """Makes API processes, of which each knows nothing of the others."""
    made: list[TemporalSessions] = []

    def make(task_queue: str = "tests", start_timeout_seconds: float = 10) -> TemporalSessions:
        address = time_skipping.client.service_client.config.target_host
        settings = settings_at(address, start_timeout_seconds=start_timeout_seconds)
        settings = replace(settings, temporal=TemporalSettings(address=address, task_queue=task_queue))
        made.append(TemporalSessions(LazyClient(settings.temporal), settings))
        return made[-1]

    yield make
    for api in made:
        await api.close()


def keyed(session: Session, fingerprint: str = "one body") -> SessionRequest:
    return session.request.model_copy(update={"fingerprint": fingerprint})


async def valid_join_token(session: Session) -> JoinToken:
    return await session.handle.execute_update(VoiceSession.valid_join_token, ValidJoinTokenRequest())


async def finish(session: Session) -> None:
    await session.end()
    await session.result()


async def test_a_hundred_at_once_from_two_apis_are_one_session(session: Session, new_api: NewApi) -> None:
    apis = [new_api(), new_api()]
    join_tokens = await asyncio.gather(*(apis[number % 2].start(keyed(session)) for number in range(AT_ONCE)))
    assert set(join_tokens) == {await apis[0].start(keyed(session))}
    assert join_tokens[0].identity == session.request.caller_identity
    await session.agent()
    assert (session.scene.join_tokens, len(session.scene.launches)) == (1, 1)
    history = await session.handle.fetch_history()
    accepted = [e for e in history.events if e.HasField("workflow_execution_update_accepted_event_attributes")]
    assert len(accepted) <= 2, "a minute may have begun meanwhile"
    await finish(session)


async def test_another_body_is_refused_and_leaves_no_trace(session: Session, new_api: NewApi) -> None:
    api = new_api()
    join_token = await api.start(keyed(session))
    await session.agent()
    with pytest.raises(KeyTaken, match="another request body"):
        await api.start(keyed(session, "another body"))
    assert await api.start(keyed(session)) == join_token
    await finish(session)


async def test_a_key_whose_session_has_ended(session: Session, new_api: NewApi) -> None:
    api = new_api()
    await api.start(keyed(session))
    await session.agent()
    session.scene.close_gate.clear()
    await session.end()
    await session.until(SessionStatus.ENDING)
    with pytest.raises(SessionEnded, match="use a new key"):
        await api.start(keyed(session))
    with pytest.raises(SessionEnded, match="start a new one"):
        await api.rejoin(session.id)
    session.scene.close_gate.set()
    await session.result()
    with pytest.raises(SessionEnded, match=f"^Session {session.id}, started with this Idempotency-Key, has ended"):
        await new_api().start(keyed(session))
    with pytest.raises(SessionEnded, match=f"^Session {session.id} has ended"):
        await api.rejoin(session.id)


async def test_an_unanswered_start_is_found_by_the_next_attempt(
    time_skipping: WorkflowEnvironment, fakes: FakeActivities, new_session: NewSession, new_api: NewApi
) -> None:
    session = new_session(task_queue="late")
    first = new_api("late", start_timeout_seconds=1)
    with pytest.raises(NoWorkerAnswered):
        await first.start(keyed(session))
    await first.close()  # the first API is gone, with all that it had left to do
    second = new_api("late")
    async with build_worker(time_skipping.client, fakes, "late", fakes):
        join_token = await second.start(keyed(session))
        await session.agent()
        assert (await session.view()).state is SessionStatus.WAITING
        assert await second.rejoin(session.id) == join_token
        assert session.scene.join_tokens == 1
        await finish(session)


async def test_a_key_whose_session_never_had_a_join_token_can_be_tried_again(session: Session, new_api: NewApi) -> None:
    api = new_api()
    session.scene.join_token_failures = 4
    for _ in range(2):
        with pytest.raises(JoinTokenFailed, match="out of order"):
            await api.start(keyed(session))
        async with asyncio.timeout(10):
            while (found := await session.handle.describe()).status is WorkflowExecutionStatus.RUNNING:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert found.status is WorkflowExecutionStatus.FAILED
    join_tokens = await asyncio.gather(*(api.start(keyed(session)) for _ in range(10)))
    assert len(set(join_tokens)) == 1
    assert session.scene.join_tokens == 5
    await session.agent()
    await session.end()
    assert (await session.result()).end_reason is EndReason.API_REQUEST


async def test_unknown_sessions_have_no_join_token(new_api: NewApi) -> None:
    for session_id in ("session_123", new_session_id(1_700_000_000)):
        with pytest.raises(SessionNotFound):
            await new_api().rejoin(session_id)


async def test_a_join_token_is_renewed_when_half_of_its_life_is_over(session: Session) -> None:
    await session.in_conversation()
    first = await valid_join_token(session)
    await session.skip(HOUR - 60)
    assert await valid_join_token(session) == first
    await session.skip(120)
    second, third = await asyncio.gather(valid_join_token(session), valid_join_token(session))
    assert first != second == third
    assert session.scene.join_tokens == 2
    await finish(session)


async def test_the_old_join_token_is_returned_while_renewal_fails(new_session: NewSession) -> None:
    session = new_session(PATIENT.model_copy(update={"max_duration_seconds": 4 * HOUR}))
    await session.in_conversation()
    first = await valid_join_token(session)
    session.scene.join_token_failures = 1000
    await session.skip(1.5 * HOUR)
    assert await valid_join_token(session) == first
    await session.skip(0.6 * HOUR)
    with pytest.raises(WorkflowUpdateFailedError) as failure:
        await valid_join_token(session)
    assert isinstance(failure.value.cause, ApplicationError)
    assert failure.value.cause.type == "JoinTokenFailed"
    assert (await session.view()).state is SessionStatus.ACTIVE, "the conversation goes on"
    await finish(session)


async def test_the_no_show_timer_begins_anew_when_a_join_token_is_asked_for(session: Session) -> None:
    await session.start()
    await session.agent()
    await session.until(SessionStatus.WAITING)
    await session.skip(100)
    await valid_join_token(session)
    await session.skip(100)
    await session.join()
    await session.leave()
    await session.until(SessionStatus.RECONNECTING)
    await session.skip(20)
    await valid_join_token(session)
    await session.skip(20)
    assert (await session.view()).state is SessionStatus.RECONNECTING
    assert session.scene.looks == 0
    await session.skip(12)
    assert (await session.result()).end_reason is EndReason.CALLER_LEFT


async def test_a_session_that_is_ending_gives_no_join_token(session: Session) -> None:
    await session.in_conversation()
    session.scene.close_gate.clear()
    await session.end()
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await valid_join_token(session)
    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == SESSION_ENDING
    session.scene.close_gate.set()
    await session.result()


@pytest.mark.parametrize("is_old", [False, True], ids=["of today", "from before"])
async def test_both_identities_of_a_caller_are_recognized(session: Session, is_old: bool) -> None:
    if is_old:
        session.request = session.request.model_copy(update={"caller_identity": ""})
    join_token = await (await session.join_token()).result()
    assert join_token.identity == ("user_ann" if is_old else session.request.caller_identity)
    agent = await session.agent(ready=False)
    assert (await agent.claim()).caller_identity == join_token.identity
    await agent.ready()

    async def seen(identity: str, sid: str) -> None:
        report = Presence(
            participant_sid=sid, identity=identity, kind="joined", at_ms=await session.now_ms(), source="webhook"
        )
        await session.handle.signal(VoiceSession.presence, report)

    await seen("user_bob", "PA_1")
    assert (await session.view()).state is SessionStatus.WAITING
    await seen("user_ann", "PA_2")  # as the reference's example names them
    assert (await session.view()).state is SessionStatus.ACTIVE
    await session.leave("PA_2")
    assert (await session.view()).state is SessionStatus.RECONNECTING
    await seen(join_token.identity, "PA_3")
    assert (await session.view()).state is SessionStatus.ACTIVE
    await finish(session)
