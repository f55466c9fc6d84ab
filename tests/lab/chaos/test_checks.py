"""Each check finds what it is for, and nothing in a call where all is well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts.turns import Turn
from lab.chaos.checks import wrong_results
from lab.chaos.plan import Kind
from lab.chaos.record import CallRecord
from lab.chaos.scripted_model import Asked
from tests.fakes.chaotic_calls import OPENING_LINE, good_call, sounds, turn

Spoil = Callable[[CallRecord], CallRecord]


def without(call: CallRecord, unwanted: Callable[[Turn], bool]) -> CallRecord:
    return replace(call, turns=tuple(turn for turn in call.turns if not unwanted(turn)))


def and_also(call: CallRecord, another: Turn) -> CallRecord:
    return replace(call, turns=(*call.turns, another))


@pytest.mark.parametrize("kind", Kind)
def test_nothing_is_wrong_with_a_good_call(kind: Kind) -> None:
    assert wrong_results(good_call(kind)) == []


SPOILT: dict[str, Spoil] = {
    "held_to_its_end: no answer": lambda call: replace(call, broke="no answer"),
    "history_complete: 41": lambda call: without(call, lambda turn: "41" in turn.text),
    "nothing_twice: 41 was said 1 times and stands": lambda call: and_also(
        call, turn(9, "caller", "My number is 41.", 29_000)
    ),
    "nothing_twice: 41 was said 1 times and answered 2": lambda call: and_also(
        call, turn(9, "agent", "Forty one, and before that, twenty three.", 29_000)
    ),
    "nothing_invented: 55": lambda call: and_also(call, turn(9, "caller", "My number is 55.", 29_000)),
    "nothing_disappears: turn 1.9 of the caller": lambda call: replace(
        call, snapshots=[(*call.turns, turn(9, "caller", "Hello?", 9_000))]
    ),
    "nothing_forgotten: a request for (41,) did not know [23]": lambda call: replace(
        call, asked=(Asked(22_500, (41,), ""),)
    ),
    "one_greeting: the greeting stands in the transcript 2": lambda call: and_also(
        call, turn(9, "agent", OPENING_LINE, 29_000)
    ),
    "one_greeting: the greeting was heard 2": lambda call: replace(call, heard=[OPENING_LINE, OPENING_LINE]),
    "one_voice: two agents were audible at once for 1.00 s": lambda call: replace(
        call, timeline=sounds(("agent_1", 1, 3), ("agent_2", 2, 4))
    ),
    "billed_right: billed 25 s, by the caller's clock 27.0 s": lambda call: replace(call, ended_at=32.0),
    "billed_right: there is no bill": lambda call: replace(call, bill={}),
    "ended_clean: errors": lambda call: replace(call, bill={"durationSeconds": 25, "errors": ["room"]}),
    "ended_clean: left behind: room session_1": lambda call: replace(call, left_behind=("room session_1",)),
}


@pytest.mark.parametrize(("complaint", "spoil"), SPOILT.items(), ids=[name.replace(" ", "_") for name in SPOILT])
def test_what_is_spoilt_is_found(complaint: str, spoil: Spoil) -> None:
    found = wrong_results(spoil(good_call()))
    assert any(line.startswith(complaint) for line in found), found


def test_a_number_said_again_may_be_answered_again() -> None:
    call = and_also(good_call(), turn(9, "caller", "My number is 41.", 29_000))
    call.exchanges[1].spoken *= 2
    assert wrong_results(call) == []


def test_a_fault_that_takes_no_agent_away_makes_nobody_say_it_again() -> None:
    call = good_call(Kind.WORKER)
    call.exchanges[1].spoken *= 2
    assert wrong_results(call) == ["inaudible: 41 had to be said 2 times"]
    call.exchanges[1].misheard = 1
    assert wrong_results(call) == []


def test_an_answer_that_the_caller_could_not_make_out_was_given() -> None:
    call = and_also(good_call(Kind.WORKER), turn(9, "agent", "41, once more.", 29_000))
    call.exchanges[1].spoken *= 2
    assert wrong_results(call) == ["inaudible: 41 had to be said 2 times"]  # it stands there, but nothing was heard
    call.exchanges[1].unclear = 1
    assert wrong_results(call) == []


def test_a_request_that_was_thought_ahead_and_dropped_does_not_count() -> None:
    dropped = Asked(22_500, (41,), "")
    assert wrong_results(replace(good_call(), asked=(dropped, Asked(23_000, (23, 41), "")))) == []
    late = Asked(24_600, (23, 41), "")
    assert wrong_results(replace(good_call(), asked=(dropped, late))) == [
        "nothing_forgotten: a request for (41,) did not know [23]"
    ]


def test_what_was_said_a_moment_before_need_not_have_arrived() -> None:
    call = replace(good_call(), asked=(Asked(22_900, (23,), ""),))
    assert wrong_results(call) == []


def test_a_drained_agent_ends_its_sentence() -> None:
    call = good_call(Kind.DRAIN)
    call.exchanges[1].heard = "Forty one."
    assert wrong_results(call) == ["no_cut_word: the answer to 41 was not heard to its end"]
    cut = replace(call, turns=(*call.turns[:-1], call.turns[-1].model_copy(update={"interrupted": True})))
    assert wrong_results(cut) == ["no_cut_word: the answer to 41 was interrupted by a drain"]
