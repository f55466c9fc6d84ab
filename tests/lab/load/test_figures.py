"""Figures of load tests."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.load.figures import fits, next_size
from lab.load.spoken_call import SpokenCall
from tests.fakes.load_calls import answered, load_of, refused, step_of, unheard


def test_goodput_counts_answers_to_admitted_callers_a_minute() -> None:
    step = step_of(answered(1.0, 1.2), unheard(questions=2), refused())
    assert (len(step.replies), step.asked) == (2, 4)
    assert step.goodput == 4  # two answers in half a minute
    assert step.refused == 1
    assert step.refusals == [0.1]
    assert step.errors == {"no first sound": 1}


def test_an_agent_that_was_replaced_is_lost() -> None:
    calls = [answered(1.0, generations=1), answered(1.0, generations=3), refused()]
    assert step_of(*calls).agents_lost == 2


@pytest.mark.parametrize(
    ("calls", "fitting"),
    [
        ([answered(1.4), answered(1.5)], True),
        ([answered(1.4), answered(1.6)], False),
        ([answered(1.0), refused()], False),
        ([answered(1.0), unheard(questions=1)], False),
        ([answered(1.0, questions=2)], False),
        ([], False),
    ],
)
def test_calls_fit_if_all_are_answered_in_normal_time(calls: list[SpokenCall], fitting: bool) -> None:
    assert fits(step_of(*calls), step_of(answered(1.0), kind="idle")) is fitting


@pytest.mark.parametrize(("capacity", "limit"), [(1, 48), (2, 48), (5, 48), (11, 48), (48, 48), (60, 48)])
def test_the_ramp_ends_close_below_the_capacity(capacity: int, limit: int) -> None:
    carried, failed, tried = 1, None, 0
    while (size := next_size(carried, failed, limit)) is not None:
        carried, failed = (size, failed) if size <= capacity else (carried, size)
        tried += 1
    assert carried <= min(capacity, limit) <= carried * 1.2
    assert tried <= 10


@pytest.mark.parametrize(
    ("billed", "wrong"), [(8, False), (10, False), (12, False), (7, True), (13, True), (None, True)]
)
def test_a_bill_lies_between_what_was_heard_and_the_time_in_the_room(billed: int | None, wrong: bool) -> None:
    call = replace(answered(1.0), talked=10.0, joined=10.5, billed=billed)
    assert (call.wrong_bill is not None) is wrong


def test_a_caller_who_heard_nothing_should_pay_nothing() -> None:
    charged = replace(unheard(1), joined=21.0, billed=19, generations=1)
    assert charged.wrong_bill is None
    assert step_of(charged, unheard(1), answered(1.0)).billed_unheard == 1


def test_a_refused_caller_has_no_bill() -> None:
    assert refused().wrong_bill is None


def test_each_step_is_paired_with_the_other_systems() -> None:
    load = load_of()
    assert [(ours.size, peer.system) for ours, peer in load.pairs("offered")] == [(1, "plain"), (2, "plain")]
    assert load.slowdown(load.of("offered")[0]) == 1.2
