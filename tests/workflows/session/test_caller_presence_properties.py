"""Presence and bill under any reports: shuffled, doubled, partly lost, or plain nonsense."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from contracts.room import Presence
from tests.fakes.bills import bill_of
from workflows.session.caller_presence import CallerPresence

BEGAN = 1_800_000_000_000
CALLER = "user_ann"

# A caller's true story: connections one after the other, each as (pause before it, its length) in milliseconds.
stories = st.lists(st.tuples(st.integers(1, 60_000), st.integers(1, 600_000)), min_size=1, max_size=4)


def told(story: Sequence[tuple[int, int]]) -> list[tuple[str, int, int]]:
    """Each connection's SID, join and leave."""
    moments = list(accumulate((span for pair in story for span in pair), initial=BEGAN))[1:]
    return [(f"PA_{i}", moments[2 * i], moments[2 * i + 1]) for i in range(len(story))]


def seen(sid: str, kind: str, at_ms: int, joined_at_ms: int | None = None, identity: str = CALLER) -> Presence:
    return Presence.model_validate(
        {
            "participant_sid": sid,
            "identity": identity,
            "kind": kind,
            "at_ms": at_ms,
            "joined_at_ms": joined_at_ms,
            "source": "webhook",
        }
    )


def ledger(reports: Sequence[Presence]) -> CallerPresence:
    caller = CallerPresence(identities=frozenset({CALLER}), began_at_ms=BEGAN)
    for report in reports:
        caller.note(report, 2 * BEGAN)
    return caller


@given(story=stories, data=st.data())
def test_the_bill_is_true_if_each_connection_and_the_last_leave_are_reported(
    story: list[tuple[int, int]], data: st.DataObject
) -> None:
    """LiveKit's report of a leave names the join, so all others may be lost: a new connection tells the end of one."""
    connections = told(story)
    leaves = [seen(sid, "left", left, joined) for sid, joined, left in connections]
    joins = [seen(sid, "joined", joined) for sid, joined, _ in connections]
    certain = [data.draw(st.sampled_from(pair)) for pair in zip(joins[:-1], leaves[:-1], strict=True)]
    extra = data.draw(st.lists(st.sampled_from([*joins, *leaves]), max_size=8), label="repetitions and others")
    reports = data.draw(st.permutations([*certain, leaves[-1], *extra]), label="order of arrival")
    caller = ledger(reports)
    first, last = connections[0][1], connections[-1][2]
    assert not caller.present
    assert (caller.first_joined_at_ms, caller.last_left_at_ms) == (first, last)
    assert bill_of(caller, last + 30_000) == (last - first) // 1000


@given(story=stories, data=st.data())
def test_a_caller_whose_last_leave_was_not_reported_is_there(story: list[tuple[int, int]], data: st.DataObject) -> None:
    *earlier, (sid, joined, _) = told(story)
    certain = [*(seen(each, "left", left, came) for each, came, left in earlier), seen(sid, "joined", joined)]
    extra = data.draw(st.lists(st.sampled_from(certain), max_size=4), label="repetitions")
    caller = ledger(data.draw(st.permutations([*certain, *extra]), label="order of arrival"))
    assert caller.present
    assert bill_of(caller, joined + 5_000) == (joined + 5_000 - told(story)[0][1]) // 1000


anything = st.builds(
    seen,
    sid=st.sampled_from(["", "PA_0", "PA_1", "PA_2"]),
    kind=st.sampled_from(["joined", "left"]),
    at_ms=st.integers(0, 2 * BEGAN),
    joined_at_ms=st.none() | st.integers(0, 2 * BEGAN),
    identity=st.sampled_from([CALLER, "user_bob", "agent_1_x", ""]),
)


@given(reports=st.lists(anything, max_size=12), ended_at_ms=st.integers(BEGAN, 2 * BEGAN), data=st.data())
def test_any_reports_in_any_order_give_one_bill_within_the_session(
    reports: list[Presence], ended_at_ms: int, data: st.DataObject
) -> None:
    caller = ledger(reports)
    assert 0 <= bill_of(caller, ended_at_ms) <= (ended_at_ms - BEGAN) // 1000
    again = ledger(data.draw(st.permutations([*reports, *reports]), label="shuffled and doubled"))
    for what in ("present", "first_joined_at_ms", "last_left_at_ms"):
        assert getattr(again, what) == getattr(caller, what)
    assert bill_of(again, ended_at_ms) == bill_of(caller, ended_at_ms)
