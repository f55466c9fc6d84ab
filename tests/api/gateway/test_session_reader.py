"""The reader on a real Temporal dev server: queries, results and descriptions."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowHandle

from api.event_stream.hub import Followers
from api.event_stream.source import TemporalEventSource
from api.gateway import session_handle
from api.gateway.session_handle import SessionHandle
from api.gateway.session_reader import TemporalSessionReader
from api.gateway.sessions import TemporalSessions
from api.gateway.webhook_redelivery import TemporalRedeliveries
from api.schemas.session_queries import SessionFilter, SessionListResponse
from connections.temporal_client import LazyClient
from connections.webhook_targets import AllowedTargets
from contracts.agent import AgentOutcome, AgentReady, LaunchRequest
from contracts.identities import new_session_id
from contracts.room import Presence
from contracts.session import EndRequest, SessionRecord, SessionRequest
from contracts.statuses import AgentState, EndReason, SessionStatus
from contracts.turns import Turn
from errors import NoWorkerAnswered, SessionNotFound, TemporalUnavailable
from tests.fakes.dev_server import PATIENCE_SECONDS, QUEUE, Start, listed, settings_at
from tests.fakes.event_streams import Reader
from tests.fakes.quiet_activities import QuietActivities
from tests.fakes.reports import reports
from worker import build_worker
from workflows.voice_session import VoiceSession

pytestmark = pytest.mark.slow

_CUSTOMER = "http://127.0.0.1:9"
_METADATA: dict[str, Any] = {"order": "A-17", "big": 10**40, "half": 0.5, "parts": [None, True, {"ü": "\u0000"}]}


class Unattended(QuietActivities):
    """Agents that outlive their worker."""

    @activity.defn(name="launch_agent")
    async def launch_agent(self, request: LaunchRequest) -> AgentOutcome:
        """Complete asynchronously, which never happens."""
        activity.raise_complete_async()


async def _talk(client: Client, session_id: str) -> None:
    """The caller joins, the agent is ready, and both speak."""
    handle = client.get_workflow_handle(session_id)
    now_ms = time.time_ns() // 1_000_000
    await handle.signal(
        VoiceSession.presence,
        Presence(participant_sid="PA_1", identity="user_test", kind="joined", at_ms=now_ms, source="webhook"),
    )
    ready = AgentReady(generation=1, identity="agent_1_a", at_ms=now_ms)
    await handle.signal(VoiceSession.agent_reports, reports(ready))
    for sequence, (role, text) in enumerate((("agent", "Hello."), ("caller", "What is two and two?")), start=1):
        turn = {"generation": 1, "sequence": sequence, "role": role, "text": text, "at_ms": 1_700_000_000_123}
        said = Turn.model_validate({**turn, "interrupted": role == "agent"})
        await handle.signal(VoiceSession.agent_reports, reports(said))


async def _end(client: Client, session_id: str) -> SessionRecord:
    """End a session, however long its agent takes to leave."""
    handle: WorkflowHandle[VoiceSession, SessionRecord] = client.get_workflow_handle_for(VoiceSession.run, session_id)
    await handle.signal(VoiceSession.end, EndRequest(at_ms=time.time_ns() // 1_000_000))
    return await handle.result()


async def _raises(kind: type[Exception], match: str, asked: Awaitable[object]) -> None:
    with pytest.raises(kind, match=match):
        await asked


@pytest.mark.usefixtures("worker")
async def test_one_session_before_and_after_its_end(
    gateway: TemporalSessions, known: TemporalSessionReader, client: Client, start: Start
) -> None:
    session_id = await start(metadata=_METADATA)
    assert (await known.state(session_id)).state is SessionStatus.STARTING
    await _talk(client, session_id)

    live = await known.state(session_id)
    assert (live.sessionId, live.userName, live.voiceId, live.metadata) == (session_id, "test", "Craig", _METADATA)
    assert (live.state, live.agentState, live.agentGeneration) == (SessionStatus.ACTIVE, AgentState.READY, 1)
    assert (live.endedAt, live.endReason, live.durationSeconds, live.durationMinutes) == (None,) * 4
    assert timedelta(0) < datetime.now(UTC) - live.startedAt < timedelta(seconds=PATIENCE_SECONDS)
    turns = await known.transcript(session_id)
    assert [(turn.role, turn.text, turn.interrupted) for turn in turns] == [
        ("agent", "Hello.", True),
        ("caller", "What is two and two?", False),
    ]

    bill = await gateway.end(session_id)
    ended = await known.state(session_id)
    assert (ended.userName, ended.voiceId, ended.metadata) == ("test", "Craig", _METADATA)
    assert (ended.state, ended.agentState, ended.agentGeneration) == (SessionStatus.ENDED, AgentState.STOPPED, 1)
    assert ended.endReason is EndReason.API_REQUEST
    assert (ended.durationSeconds, ended.durationMinutes) == (bill.duration_seconds, bill.duration_minutes)
    assert ended.startedAt == live.startedAt
    assert ended.endedAt is not None
    assert ended.startedAt < ended.endedAt
    assert await known.transcript(session_id) == turns
    assert await known.metadata(session_id) == _METADATA

    page = await listed(known, lambda page: page.sessions[0].state is SessionStatus.ENDED)
    assert [item.model_dump() for item in page.sessions] == [
        ended.model_dump(exclude={"agentState", "agentGeneration"})
    ]


async def test_without_a_worker(known: TemporalSessionReader, client: Client, start: Start) -> None:
    async with build_worker(client, quiet := Unattended(), QUEUE, quiet):
        session_id = await start(metadata=_METADATA)
        ended_id = await start()
        bill = await _end(client, ended_id)
    state = await known.state(session_id)
    assert (state.state, state.userName, state.metadata) == (SessionStatus.STARTING, "test", _METADATA)
    assert (state.agentState, state.agentGeneration) == (None, None)
    await _raises(NoWorkerAnswered, "No worker could read the transcript", known.transcript(session_id))

    ended = await known.state(ended_id)
    assert (ended.state, ended.endReason, ended.durationSeconds) == (SessionStatus.ENDED, bill.end_reason, 0)

    await client.get_workflow_handle(session_id).terminate()
    gone = await known.state(session_id)
    assert (gone.state, gone.agentState, gone.endReason, gone.durationSeconds) == (
        SessionStatus.ENDED,
        AgentState.STOPPED,
        None,
        None,
    )
    assert gone.endedAt is not None
    page = await listed(known, lambda page: len(page.sessions) == 2, state="ended")
    assert {item.sessionId for item in page.sessions} == {session_id, ended_id}
    assert not (await known.find(SessionFilter(state=SessionStatus.STARTING))).sessions


async def test_an_ended_session_needs_no_worker(
    server: str, known: TemporalSessionReader, client: Client, activities: QuietActivities, start: Start
) -> None:
    settings = settings_at(server).temporal
    temporal = LazyClient(settings)
    followers = Followers(TemporalEventSource(temporal, settings))
    redeliveries = TemporalRedeliveries(temporal, settings, AllowedTargets(_CUSTOMER))
    async with build_worker(client, activities, QUEUE, activities):
        session_id = await start(webhook_url=f"{_CUSTOMER}/hook")
        await _talk(client, session_id)
        turns = await known.transcript(session_id)
        async with followers.watch(session_id, 0) as watch:
            reader = Reader(watch.frames())
            record = await _end(client, session_id)
            numbers = await reader.to_the_end()
        plan = await redeliveries.redeliver(session_id, 0)

    state = await known.state(session_id)
    assert (state.state, state.durationSeconds) == (SessionStatus.ENDED, record.duration_seconds)
    assert await known.transcript(session_id) == turns
    assert len(turns) == 2
    async with followers.watch(session_id, 0) as watch:
        again = Reader(watch.frames())
        assert await again.to_the_end() == numbers
        assert again.raw.partition(b"\n\n")[2] == reader.raw.partition(b"\n\n")[2]
    assert await redeliveries.redeliver(session_id, 0) == plan
    assert plan[0] == 1
    assert plan[-1] == numbers[-1]


async def test_a_session_that_closes_while_it_is_asked(
    known: TemporalSessionReader,
    client: Client,
    activities: QuietActivities,
    start: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with build_worker(client, activities, QUEUE, activities):
        session_id = await start()
        await _talk(client, session_id)
        turns = await known.transcript(session_id)
        seen = [await client.get_workflow_handle(session_id).describe()]
        await _end(client, session_id)
    describe = SessionHandle.describe

    async def late(session: SessionHandle, seconds: float = 5) -> WorkflowExecutionDescription:
        return seen.pop() if seen else await describe(session, seconds)

    monkeypatch.setattr(SessionHandle, "describe", late)
    monkeypatch.setattr(session_handle, "ANSWER_SECONDS", 0.5)
    assert await known.transcript(session_id) == turns
    assert not seen


@pytest.mark.usefixtures("worker")
async def test_a_terminated_session_is_read_by_a_worker(
    server: str, known: TemporalSessionReader, client: Client, start: Start
) -> None:
    session_id = await start()
    await _talk(client, session_id)
    turns = await known.transcript(session_id)
    await client.get_workflow_handle(session_id).terminate()
    assert await known.transcript(session_id) == turns
    settings = settings_at(server).temporal
    async with Followers(TemporalEventSource(LazyClient(settings), settings)).watch(session_id, 0) as watch:
        assert len(await Reader(watch.frames()).to_the_end()) > len(turns)


async def test_a_session_that_no_worker_has_taken(known: TemporalSessionReader, impatient: TemporalSessions) -> None:
    session_id = new_session_id(int(time.time()))
    with pytest.raises(NoWorkerAnswered):
        await impatient.start(SessionRequest(session_id=session_id, user_name="in vain"))
    await listed(known, lambda page: bool(page.sessions), state="ended", user="in vain")
    assert (await known.state(session_id)).endReason is None
    assert await known.transcript(session_id) == ()


@pytest.mark.usefixtures("server")
async def test_unknown_sessions(known: TemporalSessionReader) -> None:
    for session_id in (new_session_id(1_700_000_000), "session_123", "lobby", "../x"):
        for asked in (known.state(session_id), known.transcript(session_id), known.metadata(session_id)):
            await _raises(SessionNotFound, rf"^Session {session_id} not found$", asked)
    assert (await known.find(SessionFilter())) == SessionListResponse(sessions=[], nextPageToken=None)


async def test_temporal_down() -> None:
    settings = settings_at("127.0.0.1:9").temporal
    known = TemporalSessionReader(LazyClient(settings), settings)
    session_id = new_session_id(1_700_000_000)
    for asked in (known.state(session_id), known.transcript(session_id), known.find(SessionFilter())):
        await _raises(TemporalUnavailable, r"^Temporal is unreachable\.$", asked)
