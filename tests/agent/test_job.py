"""What an agent's job reports of the caller it sees and of its providers, and when it leaves."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from livekit.agents import APIConnectionError
from livekit.agents.utils import EventEmitter
from pydantic import SecretStr

from agent import job
from agent.handover.protocol import HAND_OVER, HANDED_OVER, YIELD, Incumbent
from agent.job import _tell, _until_not_wanted, run, watch_caller
from agent.speech import SpeechParts
from agent.speech.fallback import Availability, tts_fallback
from agent.workflow_link.heartbeat import Heartbeat, Verdict
from connections.dispatch_seal import Sealer
from contracts.agent import Briefing, DispatchMetadata, ProviderChanged
from contracts.room import Presence
from contracts.turns import Turn
from settings import LiveKitSettings, Settings
from tests.fakes import rpc_rooms
from tests.fakes.agent_server import SECRET
from tests.fakes.briefings import briefing
from tests.fakes.slow_voice import TENTH, SlowTTS


class _EnoughError(Exception):
    """The rest of a job is for other tests."""


JOINED = datetime(2026, 11, 23, 16, 18, 39, 617_000, tzinfo=UTC)


def participant(identity: str, sid: str, joined_at: datetime | None = None) -> SimpleNamespace:
    return SimpleNamespace(identity=identity, sid=sid, joined_at=joined_at)


class FakeRoom(EventEmitter[str]):
    def __init__(self, *there: SimpleNamespace) -> None:
        super().__init__()
        self.remote_participants = {each.identity: each for each in there}


class FakeLine:
    def __init__(self, *_: Any) -> None:
        self.reports: list[Presence] = []
        self.news: list[ProviderChanged] = []

    async def claim(self, _: str) -> Briefing:
        return briefing(generation=2)

    def presence(self, report: Presence) -> None:
        self.reports.append(report)

    def provider_changed(self, report: ProviderChanged) -> None:
        self.news.append(report)


def seen_by_agent(room: FakeRoom, generation: int = 1) -> list[Presence]:
    line: Any = FakeLine()
    any_room: Any = room
    watch_caller(any_room, briefing(generation=generation), line)
    reports: list[Presence] = line.reports
    return reports


def told(reports: list[Presence]) -> list[tuple[str, str, str]]:
    return [(report.kind, report.participant_sid, report.source) for report in reports]


def test_a_caller_who_was_there_first_is_reported() -> None:
    assert told(seen_by_agent(FakeRoom(participant("user_ada", "PA_1")))) == [("joined", "PA_1", "agent")]


def test_an_agent_that_comes_later_knows_since_when_the_caller_is_there() -> None:
    (report,) = seen_by_agent(FakeRoom(participant("user_ada", "PA_1", JOINED)))
    assert report.joined_at_ms == 1_795_450_719_617
    assert report.at_ms != report.joined_at_ms


def test_each_coming_and_going_is_reported_under_its_sid() -> None:
    room = FakeRoom()
    reports = seen_by_agent(room)
    room.emit("participant_connected", participant("user_ada", "PA_1"))
    room.emit("participant_disconnected", participant("user_ada", "PA_1"))
    room.emit("participant_connected", participant("user_ada", "PA_2"))
    assert told(reports) == [("joined", "PA_1", "agent"), ("left", "PA_1", "agent"), ("joined", "PA_2", "agent")]


def test_a_later_agent_tells_that_the_caller_is_gone() -> None:
    """While the agent before it was dead nobody saw it, and a webhook can be lost."""
    assert told(seen_by_agent(FakeRoom(), generation=2)) == [("left", "", "agent")]
    assert told(seen_by_agent(FakeRoom(participant("user_ada", "PA_1")), generation=2)) == [("joined", "PA_1", "agent")]


def test_nobody_else_is_the_caller() -> None:
    room = FakeRoom(participant("agent_2_AJ_x", "PA_9"))
    reports = seen_by_agent(room)
    room.emit("participant_connected", participant("user_adam", "PA_3"))
    room.emit("participant_disconnected", participant("agent_2_AJ_x", "PA_9"))
    assert reports == []


async def test_a_fault_on_the_way_in_ends_the_job() -> None:
    """One that stayed in the room, beating but dumb, would pass for an agent."""
    left: list[str] = []
    ctx: Any = SimpleNamespace(shutdown=left.append, proc=SimpleNamespace(userdata={}))
    with pytest.raises(KeyError):
        await run(ctx)
    assert left == ["it failed: KeyError"]


async def begun(monkeypatch: pytest.MonkeyPatch, parts: SpeechParts) -> FakeLine:
    """A job that got `parts` and went on to its conversation, which these tests do without."""

    async def accepted(_: Heartbeat) -> None:
        return None

    async def connect(**_: Any) -> None:
        return None

    def no_conversation(*_: Any) -> None:
        raise _EnoughError

    line = FakeLine()
    monkeypatch.setattr(job, "WorkflowClient", lambda *_: line)
    monkeypatch.setattr(job, "Conversation", no_conversation)
    monkeypatch.setattr(Heartbeat, "begin", accepted)
    livekit = LiveKitSettings(url="ws://127.0.0.1:1", api_key="key", api_secret=SecretStr(SECRET))
    metadata = DispatchMetadata(
        session_id="session_1234567890_abcdef", generation=2, sealed_task_token=Sealer(SECRET).seal(b"a-token")
    )
    userdata = {
        "traces": None,
        "settings": Settings(livekit=livekit),
        "temporal": SimpleNamespace(
            get_async_activity_handle=lambda **_: None, get_workflow_handle_for=lambda *_: None
        ),
        "speech": SimpleNamespace(for_voice=lambda _: parts),
    }
    ctx: Any = SimpleNamespace(
        proc=SimpleNamespace(userdata=userdata),
        job=SimpleNamespace(metadata=metadata.model_dump_json()),
        local_participant_identity="agent_2_AJ_b",
        connect=connect,
        add_shutdown_callback=lambda _: None,
        shutdown=lambda _: None,
        room=rpc_rooms.FakeRoom("agent_2_AJ_b"),
    )
    with pytest.raises(_EnoughError):
        await run(ctx)
    return line


async def test_a_provider_that_fails_is_told_to_the_session_and_to_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = SlowTTS(), SlowTTS()
    voices, fallback = tts_fallback([("inworld/m", first), ("hibari/default", second)], seconds=5)
    anything: Any = None
    parts = SpeechParts(
        stt=anything, llm=anything, tts=voices, vad=anything, turn_detection=anything, fallbacks=(fallback,)
    )
    line = await begun(monkeypatch, parts)
    first.make(APIConnectionError())
    second.make(TENTH, None)
    async with asyncio.timeout(5):
        await voices.synthesize("Hello.").collect()
    assert line.news == [
        ProviderChanged(generation=2, part="tts", provider="inworld/m", available=False, next_up="hibari/default")
    ]
    assert "tts of session_1234567890_abcdef: inworld/m failed; next is hibari/default" in caplog.messages
    await voices.aclose()


@pytest.mark.parametrize(
    ("available", "next_up", "words"),
    [(False, None, "llm of {}: a/m failed; next is nobody"), (True, "a/m", "llm of {}: a/m is back")],
)
def test_what_became_of_a_provider_is_logged_in_words(
    available: bool, next_up: str | None, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    line: Any = FakeLine()
    plain = briefing()
    _tell(line, plain, Availability("llm", "a/m", available, next_up))
    assert caplog.messages == [words.format(plain.session_id)]
    assert [(news.available, news.next_up, news.generation) for news in line.news] == [(available, next_up, 1)]


async def until_not_wanted(
    room: rpc_rooms.FakeRoom, verdict: Verdict, overdue_seconds: float = 60
) -> asyncio.Task[str]:
    async def finish_speaking(_: float) -> tuple[Turn, ...]:
        return ()

    async def beat() -> Verdict:
        return verdict

    any_room: Any = room
    incumbent = Incumbent(any_room, 1, finish_speaking)
    overdue = partial(asyncio.sleep, overdue_seconds)
    return asyncio.create_task(_until_not_wanted(asyncio.create_task(beat()), incumbent, overdue))


@pytest.mark.parametrize("verdict", [Verdict.SESSION_ENDING, Verdict.FROZEN, Verdict.ALONE])
async def test_an_agent_that_is_not_wanted_leaves_at_once(verdict: Verdict) -> None:
    leaving = await until_not_wanted(rpc_rooms.FakeRoom("agent_1_AJ_a"), verdict)
    assert await asyncio.wait_for(leaving, 5) == str(verdict)


async def test_one_whose_token_is_stale_stays_until_its_successor_asks() -> None:
    room, successor = rpc_rooms.FakeRoom("agent_1_AJ_a"), rpc_rooms.FakeRoom("agent_2_AJ_b")
    leaving = await until_not_wanted(room, Verdict.SUPERSEDED)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(leaving), 0.05)
    successor.meet(room)
    for method in (YIELD, HAND_OVER):
        await successor.local_participant.perform_rpc(
            destination_identity="agent_1_AJ_a", method=method, payload='{"generation": 2}'
        )
    assert await asyncio.wait_for(leaving, 5) == HANDED_OVER


async def test_one_whose_token_is_stale_does_not_stay_for_ever() -> None:
    leaving = await until_not_wanted(rpc_rooms.FakeRoom("agent_1_AJ_a"), Verdict.SUPERSEDED, overdue_seconds=0.01)
    assert await asyncio.wait_for(leaving, 5) == str(Verdict.SUPERSEDED)
