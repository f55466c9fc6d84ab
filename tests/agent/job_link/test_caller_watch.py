"""An agent's reports of the caller's presence."""

from __future__ import annotations

from datetime import UTC, datetime

from agent.job_link.caller_watch import watch_caller
from contracts.room import Presence
from tests.fakes.briefings import briefing
from tests.fakes.host_link import FakeHostLink
from tests.fakes.rpc_rooms import FakeParticipant, FakeRoom

JOINED = datetime(2026, 11, 23, 16, 18, 39, 617_000, tzinfo=UTC)


def watch(room: FakeRoom, generation: int = 1) -> list[Presence]:
    host = FakeHostLink()
    watch_caller(room, briefing(generation=generation), host.presence)
    return host.presences


def room_with(*participants: FakeParticipant) -> FakeRoom:
    return FakeRoom("agent_1_AJ_a", *participants)


def in_short(reports: list[Presence]) -> list[tuple[str, str, str]]:
    return [(report.kind, report.participant_sid, report.source) for report in reports]


async def test_a_caller_already_in_the_room_is_reported_with_livekits_join_time() -> None:
    (report,) = reports = watch(room_with(FakeParticipant("user_ada", "PA_1", JOINED)))
    assert in_short(reports) == [("joined", "PA_1", "agent")]
    assert report.joined_at_ms == 1_795_450_719_617
    assert report.at_ms != report.joined_at_ms


async def test_each_join_and_leave_is_reported_with_its_sid() -> None:
    room = room_with()
    reports = watch(room)
    room.emit("participant_connected", FakeParticipant("user_ada", "PA_1"))
    room.emit("participant_disconnected", FakeParticipant("user_ada", "PA_1"))
    room.emit("participant_connected", FakeParticipant("user_ada", "PA_2"))
    assert in_short(reports) == [("joined", "PA_1", "agent"), ("left", "PA_1", "agent"), ("joined", "PA_2", "agent")]


async def test_a_later_generation_reports_that_the_caller_is_missing() -> None:
    """No agent saw the leave, and a webhook can be lost."""
    assert in_short(watch(room_with(), generation=2)) == [("absent", "", "agent")]
    present = room_with(FakeParticipant("user_ada", "PA_1"))
    assert in_short(watch(present, generation=2)) == [("joined", "PA_1", "agent")]


async def test_reports_of_one_millisecond_keep_their_order() -> None:
    room = room_with()
    reports = watch(room)
    for event in ("participant_connected", "participant_disconnected") * 20:
        room.emit(event, FakeParticipant("user_ada", "PA_1"))
    times = [report.at_ms for report in reports]
    assert times == sorted(set(times))


async def test_other_participants_are_ignored() -> None:
    room = room_with(FakeParticipant("agent_2_AJ_x", "PA_9"))
    reports = watch(room)
    room.emit("participant_connected", FakeParticipant("user_adam", "PA_3"))
    room.emit("participant_disconnected", FakeParticipant("agent_2_AJ_x", "PA_9"))
    assert reports == []
