"""Slots of sessions as a plain structure."""

from __future__ import annotations

from contracts.slots import MOST_SLOTS, Holder, Refusal, TakeSlots
from workflows.slots.slots import Slots


def wants(*sessions: str, owner: str = "", most: int = 0, most_per_owner: int = 0) -> TakeSlots:
    return TakeSlots(
        wanted=tuple(Holder(session_id=session_id, owner=owner) for session_id in sessions),
        max_sessions=most,
        max_sessions_per_owner=most_per_owner,
        start_seconds=30,
    )


def test_slots_are_given_in_order_up_to_the_limit() -> None:
    slots = Slots()
    assert slots.take(wants("a", "b", "c", most=2), 0) == {"c": Refusal.SESSIONS}
    slots.release("a")
    assert slots.take(wants("c", "d", most=2), 0) == {"d": Refusal.SESSIONS}
    slots.release("unknown")


def test_a_session_keeps_its_slot() -> None:
    slots = Slots()
    for _ in range(2):
        assert slots.take(wants("a", most=1), 0) == {}
    assert len(slots.taken) == 1


def test_an_owner_has_a_limit_of_its_own() -> None:
    slots = Slots()
    assert slots.take(wants("a", "b", owner="acme", most_per_owner=1), 0) == {"b": Refusal.OWNER}
    assert slots.take(wants("c", owner="other", most_per_owner=1), 0) == {}
    assert slots.take(wants("d", "e", most_per_owner=1), 0) == {}, "without API keys there are no owners"


def test_a_lower_limit_ends_no_session() -> None:
    slots = Slots()
    slots.take(wants("a", "b", most=2), 0)
    assert slots.take(wants("a", "c", most=1), 0) == {"c": Refusal.SESSIONS}


def test_an_audit_frees_what_does_not_run() -> None:
    slots = Slots()
    slots.take(wants("lives", "ended"), 0)
    slots.take(wants("starts"), 10)
    assert slots.doubtful(30) == ("lives", "ended")
    assert slots.free({"lives"}, 30) == 1
    assert set(slots.taken) == {"lives", "starts"}


def test_a_session_that_starts_again_during_an_audit_keeps_its_slot() -> None:
    slots = Slots()
    slots.take(wants("a"), 0)
    slots.take(wants("a"), 31)
    assert slots.free(set(), 30) == 0


def test_sessions_from_before_are_adopted() -> None:
    slots = Slots()
    slots.take(wants("a", owner="acme"), 0)
    slots.adopt([Holder(session_id="a"), Holder(session_id="b", owner="acme")])
    assert slots.take(wants("c", owner="acme", most_per_owner=2), 0) == {"c": Refusal.OWNER}


def test_there_is_a_bound_without_a_limit_too() -> None:
    slots = Slots()
    slots.adopt(Holder(session_id=str(number)) for number in range(MOST_SLOTS))
    assert slots.take(wants("a"), 0) == {"a": Refusal.SESSIONS}
    assert len(slots.model_dump_json()) < 2_000_000


def test_slots_survive_the_round_trip() -> None:
    slots = Slots()
    slots.take(wants("a", owner="acme"), 1)
    assert Slots.model_validate(slots.model_dump(mode="json")) == slots
