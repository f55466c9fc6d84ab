"""What an agent's job reports of the caller it sees."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from livekit.agents.utils import EventEmitter

from agent.job import watch_caller
from contracts import Presence
from tests.fakes.briefings import briefing


def participant(identity: str, sid: str) -> SimpleNamespace:
    return SimpleNamespace(identity=identity, sid=sid)


class FakeRoom(EventEmitter[str]):
    def __init__(self, *there: SimpleNamespace) -> None:
        super().__init__()
        self.remote_participants = {each.sid: each for each in there}


class FakeLine:
    def __init__(self) -> None:
        self.reports: list[Presence] = []

    def presence(self, report: Presence) -> None:
        self.reports.append(report)


def seen_by_agent(room: FakeRoom) -> list[Presence]:
    line: Any = FakeLine()
    any_room: Any = room
    watch_caller(any_room, briefing(), line)
    reports: list[Presence] = line.reports
    return reports


def told(reports: list[Presence]) -> list[tuple[str, str, str]]:
    return [(report.kind, report.participant_sid, report.source) for report in reports]


def test_a_caller_who_was_there_first_is_reported() -> None:
    assert told(seen_by_agent(FakeRoom(participant("user_ada", "PA_1")))) == [("joined", "PA_1", "agent")]


def test_each_coming_and_going_is_reported_under_its_sid() -> None:
    room = FakeRoom()
    reports = seen_by_agent(room)
    room.emit("participant_connected", participant("user_ada", "PA_1"))
    room.emit("participant_disconnected", participant("user_ada", "PA_1"))
    room.emit("participant_connected", participant("user_ada", "PA_2"))
    assert told(reports) == [("joined", "PA_1", "agent"), ("left", "PA_1", "agent"), ("joined", "PA_2", "agent")]


def test_nobody_else_is_the_caller() -> None:
    room = FakeRoom(participant("agent_2_AJ_x", "PA_9"))
    reports = seen_by_agent(room)
    room.emit("participant_connected", participant("user_adam", "PA_3"))
    room.emit("participant_disconnected", participant("agent_2_AJ_x", "PA_9"))
    assert reports == []
