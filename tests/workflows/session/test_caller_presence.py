"""Presence and bill: the same result from the same reports, whatever their order and however often they come."""

from __future__ import annotations

import itertools
from typing import Literal

import pytest

from contracts.room import Presence
from tests.fakes.bills import bill_of
from workflows.session.bill import billed_minutes
from workflows.session.caller_presence import CallerPresence

T = 1_800_000_000_000
LATER = T + 10**9


def joined(sid: str, at: int, *, seen: int | None = None, identity: str = "user_ann") -> Presence:
    return report("joined", sid, at if seen is None else seen, identity, at)


def left(sid: str, at: int, identity: str = "user_ann") -> Presence:
    return report("left", sid, at, identity, None)


def report(kind: Literal["joined", "left"], sid: str, at: int, identity: str, joined_at: int | None) -> Presence:
    return Presence(
        participant_sid=sid,
        identity=identity,
        kind=kind,
        at_ms=T + at,
        joined_at_ms=None if joined_at is None else T + joined_at,
        source="webhook",
    )


def ledger(*reports: Presence) -> CallerPresence:
    caller = CallerPresence(identities=frozenset({"user_ann"}), began_at_ms=0)
    for each in reports:
        caller.note(each, LATER)
    return caller


SCENARIOS = {
    "came and went": ([joined("A", 0), left("A", 60_000)], False, 0, 60_000),
    "reconnected fully": ([joined("A", 0), left("A", 20_000), joined("B", 25_000)], True, 0, 20_000),
    "the second connection left": (
        [joined("A", 0), left("A", 20_000), joined("B", 25_000), left("B", 61_000)],
        False,
        0,
        61_000,
    ),
    "left falsely, seen later": ([joined("A", 0), left("A", 9_000), joined("A", 0, seen=15_000)], True, 0, None),
    "left truly after that": (
        [joined("A", 0), left("A", 9_000), joined("A", 0, seen=15_000), left("A", 30_000)],
        False,
        0,
        30_000,
    ),
    "left without a SID": ([joined("A", 0), report("left", "", 30_000, "user_ann", None)], False, 0, 30_000),
    "left without a SID, came again": (
        [joined("A", 0), report("left", "", 30_000, "user_ann", None), joined("B", 40_000)],
        True,
        0,
        30_000,
    ),
    "came again, and the leave was lost": ([joined("A", 0), joined("B", 25_000)], True, 0, 25_000),
    "left, and the leave of the connection before was lost": (
        [joined("A", 0), joined("B", 25_000), left("B", 40_000)],
        False,
        0,
        40_000,
    ),
    "a leave that is told later than the next join": (
        [joined("A", 0), joined("B", 25_000), left("A", 26_500)],
        True,
        0,
        25_000,
    ),
    "strangers come and go": (
        [joined("A", 5_000), joined("S", 0, identity="user_bob"), left("S", 9_000, "user_bob"), left("", 9_000, "x")],
        True,
        5_000,
        None,
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_order_and_repetition_gives_the_same(name: str) -> None:
    reports, present, first, last = SCENARIOS[name]
    for order in itertools.permutations(reports):
        for repeated in (order, (*order, *order), (*order, *reversed(order))):
            caller = ledger(*repeated)
            assert caller.present is present, order
            assert caller.first_joined_at_ms == T + first, order
            assert caller.last_left_at_ms == (None if last is None else T + last), order
            assert bill_of(caller, T + 90_000) == ((90_000 if present else last or 0) - first) // 1000


def test_an_agent_that_reconnects_sees_the_caller_leave_and_come_at_once() -> None:
    by_agent = {"source": "agent"}
    caller = ledger(
        joined("A", 0).model_copy(update=by_agent),
        left("A", 9_000).model_copy(update=by_agent),
        joined("A", 0, seen=9_001).model_copy(update=by_agent),
    )
    assert caller.present
    assert caller.last_left_at_ms is None


def test_a_leave_before_its_join_keeps_the_connection_closed() -> None:
    caller = ledger(left("A", 4_000))
    assert not caller.present
    assert caller.first_joined_at_ms is None
    caller.note(joined("A", 1_000), LATER)
    assert not caller.present
    assert bill_of(caller, T + 99_000) == 3


def test_a_leave_in_whole_seconds_is_not_contradicted_by_a_sighting_of_that_second() -> None:
    assert not ledger(joined("A", 0, seen=10_900), left("A", 10_000)).present


@pytest.mark.parametrize(("seconds", "minutes"), [(0, 0), (1, 1), (59, 1), (60, 1), (61, 2), (7200, 120)])
def test_bill_at_its_boundaries(seconds: int, minutes: int) -> None:
    there = ledger(joined("A", 0))
    assert bill_of(there, T + seconds * 1000) == seconds
    assert bill_of(there, T + seconds * 1000 + 999) == seconds
    gone = ledger(joined("A", 0), left("A", seconds * 1000))
    assert bill_of(gone, T + seconds * 1000 + 30_000) == seconds, "the grace is not billed"
    assert billed_minutes(seconds) == minutes


def test_nobody_pays_for_an_empty_room_or_an_end_before_the_join() -> None:
    assert bill_of(ledger(), T) == 0
    assert bill_of(ledger(joined("A", 5_000)), T) == 0


def test_a_join_from_before_the_session_is_not_billed() -> None:
    caller = CallerPresence(identities=frozenset({"user_ann"}), began_at_ms=100_000)
    report = Presence(
        participant_sid="PA_1", identity="user_ann", kind="joined", at_ms=100_500, joined_at_ms=40_000, source="webhook"
    )
    caller.note(report, LATER)
    assert caller.first_joined_at_ms == 100_000
    assert bill_of(caller, 161_000) == 61
