"""The plan of a run follows from its seed."""

from __future__ import annotations

from collections import Counter

from lab.chaos.plan import Kind, Moment, draw


def test_the_same_seed_draws_the_same_faults() -> None:
    assert draw(7, list(Kind), 20) == draw(7, list(Kind), 20)
    assert draw(7, list(Kind), 20) != draw(8, list(Kind), 20)


def test_a_kind_by_itself_meets_what_it_met_among_others() -> None:
    among_others = [plan for plan in draw(7, list(Kind), 8) if plan.kind is Kind.DRAIN]
    by_itself = draw(7, [Kind.DRAIN], 8)
    assert {(plan.strikes, plan.numbers) for plan in among_others} == {(p.strikes, p.numbers) for p in by_itself}


def test_each_kind_strikes_as_often_as_asked_and_long_ones_less_often() -> None:
    struck = Counter(strike.kind for plan in draw(7, list(Kind), 20) for strike in plan.strikes)
    assert struck.pop(Kind.TEMPORAL_AWAY) == struck.pop(Kind.API_AWAY) == 5
    assert struck.pop(Kind.AGENT_PARTITION) == struck.pop(Kind.API_PARTITION) == 10
    assert set(struck.values()) == {20}
    assert len(struck) == len(Kind) - 4


def test_each_moment_is_struck_equally_often() -> None:
    moments = Counter(strike.moment for plan in draw(7, [Kind.JOB], 20) for strike in plan.strikes)
    assert moments == dict.fromkeys(Moment, 5)


def test_no_number_is_said_twice_in_a_call() -> None:
    for plan in draw(7, [Kind.JOB], 20):
        assert len(set(plan.numbers)) == len(plan.numbers)
        assert len(plan.strikes) <= 5
    assert [plan.index for plan in draw(7, list(Kind), 4)] == list(range(1, len(Kind) + 1))
