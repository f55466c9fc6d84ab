"""Each check finds its wrong results, and none in a good call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from contracts.turns import Turn
from lab.chaos.call_plan import FaultKind
from lab.chaos.call_record import CallRecord
from lab.chaos.checks import wrong_results
from lab.chaos.scripted_model import ModelRequest
from tests.fakes.chaotic_calls import OPENING_LINE, good_call, sounds, turn

Spoil = Callable[[CallRecord], CallRecord]


def without(call: CallRecord, unwanted: Callable[[Turn], bool]) -> CallRecord:
    return replace(call, turns=tuple(turn for turn in call.turns if not unwanted(turn)))


def and_also(call: CallRecord, another: Turn) -> CallRecord:
    return replace(call, turns=(*call.turns, another))


@pytest.mark.parametrize("kind", FaultKind)
def test_a_good_call_has_no_complaints(kind: FaultKind) -> None:
    assert wrong_results(good_call(kind)) == []


SPOILT: dict[str, Spoil] = {
    "call_completed: no answer": lambda call: replace(call, failure="no answer"),
    "transcript_complete: 41": lambda call: without(call, lambda turn: "41" in turn.text),
    "no_duplicates: 41 was said 1 times and is": lambda call: and_also(
        call, turn(9, "caller", "My number is 41.", 29_000)
    ),
    "no_duplicates: 41 was said 1 times and answered 2": lambda call: and_also(
        call, turn(9, "agent", "Forty one, and before that, twenty three.", 29_000)
    ),
    "no_invented_turns: 55": lambda call: and_also(call, turn(9, "caller", "My number is 55.", 29_000)),
    "no_turn_disappears: turn 1.9 of the caller": lambda call: replace(
        call, snapshots=[(*call.turns, turn(9, "caller", "Hello?", 9_000))]
    ),
    "model_context_complete: a request for (41,) did not contain [23]": lambda call: replace(
        call, model_requests=(ModelRequest("", 22_500, (41,), ""),)
    ),
    "one_greeting: the greeting is in the transcript 2": lambda call: and_also(
        call, turn(9, "agent", OPENING_LINE, 29_000)
    ),
    "one_greeting: the greeting was heard 2": lambda call: replace(call, heard=[OPENING_LINE, OPENING_LINE]),
    "one_voice: two agents were audible at once for 1.00 s": lambda call: replace(
        call, timeline=sounds(("agent_1", 1, 3), ("agent_2", 2, 4))
    ),
    "bill_correct: billed 25 s, by the caller's clock": lambda call: replace(call, ended_at=60.0),
    "bill_correct: there is no bill": lambda call: replace(call, bill={}),
    "cleaned_up: errors": lambda call: replace(call, bill={"durationSeconds": 25, "errors": ["room"]}),
    "cleaned_up: left behind: room session_1": lambda call: replace(call, left_behind=("room session_1",)),
}


@pytest.mark.parametrize(("complaint", "spoil"), SPOILT.items(), ids=[name.replace(" ", "_") for name in SPOILT])
def test_a_spoilt_call_is_found(complaint: str, spoil: Spoil) -> None:
    found = wrong_results(spoil(good_call()))
    assert any(line.startswith(complaint) for line in found), found


def test_a_repeated_number_may_be_answered_again() -> None:
    call = and_also(good_call(), turn(9, "caller", "My number is 41.", 29_000))
    call.exchanges[1].spoken *= 2
    assert wrong_results(call) == []


def test_an_inaudible_fault_makes_the_caller_repeat_nothing() -> None:
    call = good_call(FaultKind.WORKER)
    call.exchanges[1].spoken *= 2
    assert wrong_results(call) == ["fault_inaudible: 41 had to be said 2 times"]
    call.exchanges[1].misheard = 1
    assert wrong_results(call) == []


def test_an_unrecognized_answer_counts_if_it_is_in_the_transcript() -> None:
    call = and_also(good_call(FaultKind.WORKER), turn(9, "agent", "41, once more.", 29_000))
    call.exchanges[1].spoken *= 2
    assert wrong_results(call) == ["fault_inaudible: 41 had to be said 2 times"]  # in the transcript, but not heard
    call.exchanges[1].unclear = 1
    assert wrong_results(call) == []


def test_dropped_preemptive_requests_are_ignored() -> None:
    dropped = ModelRequest("", 22_500, (41,), "")
    assert wrong_results(replace(good_call(), model_requests=(dropped, ModelRequest("", 23_000, (23, 41), "")))) == []
    late = ModelRequest("", 24_600, (23, 41), "")
    assert wrong_results(replace(good_call(), model_requests=(dropped, late))) == [
        "model_context_complete: a request for (41,) did not contain [23]"
    ]


def test_a_turn_of_the_last_moment_may_be_missing_in_a_request() -> None:
    call = replace(good_call(), model_requests=(ModelRequest("", 22_900, (23,), ""),))
    assert wrong_results(call) == []


def test_a_drained_agent_finishes_its_sentence() -> None:
    call = good_call(FaultKind.DRAIN)
    call.exchanges[1].heard = "Forty one."
    assert wrong_results(call) == ["no_cut_answer: the answer to 41 was not heard to its end"]
    cut = replace(call, turns=(*call.turns[:-1], call.turns[-1].model_copy(update={"interrupted": True})))
    assert wrong_results(cut) == ["no_cut_answer: the answer to 41 was interrupted by a drain"]
