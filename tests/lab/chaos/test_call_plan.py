"""The plan of a chaos run."""

from __future__ import annotations

from collections import Counter

from lab.chaos.call_plan import FaultKind, Moment, draw


def test_the_same_seed_draws_the_same_injector() -> None:
    assert draw(7, list(FaultKind), 20) == draw(7, list(FaultKind), 20)
    assert draw(7, list(FaultKind), 20) != draw(8, list(FaultKind), 20)


def test_the_faults_of_a_kind_do_not_depend_on_other_kinds() -> None:
    among_others = [plan for plan in draw(7, list(FaultKind), 8) if plan.kind is FaultKind.DRAIN]
    by_itself = draw(7, [FaultKind.DRAIN], 8)
    assert {(plan.faults, plan.numbers) for plan in among_others} == {(p.faults, p.numbers) for p in by_itself}


def test_each_kind_is_injected_in_every_round_and_long_faults_less_often() -> None:
    injected = Counter(fault.kind for plan in draw(7, list(FaultKind), 20) for fault in plan.faults)
    assert injected.pop(FaultKind.TEMPORAL_AWAY) == injected.pop(FaultKind.API_AWAY) == 5
    assert injected.pop(FaultKind.AGENT_PARTITION) == injected.pop(FaultKind.API_PARTITION) == 10
    assert set(injected.values()) == {20}
    assert len(injected) == len(FaultKind) - 4


def test_each_moment_is_equally_frequent() -> None:
    moments = Counter(fault.moment for plan in draw(7, [FaultKind.JOB], 20) for fault in plan.faults)
    assert moments == dict.fromkeys(Moment, 5)


def test_numbers_are_unique_in_a_call() -> None:
    for plan in draw(7, [FaultKind.JOB], 20):
        assert len(set(plan.numbers)) == len(plan.numbers)
        assert len(plan.faults) <= 5
    assert [plan.index for plan in draw(7, list(FaultKind), 4)] == list(range(1, len(FaultKind) + 1))


def test_calls_beside_another_have_no_faults_and_numbers_of_their_own() -> None:
    (plan,) = draw(7, [FaultKind.JOB], rounds=3)
    others = plan.others(2)
    assert [other.faults for other in others] == [(), ()]
    assert len({plan.numbers[0], *(other.numbers[0] for other in others)}) == 3
    assert all(other.is_inaudible for other in others), "another call's job is none of theirs"
    assert not plan.is_inaudible
    (host,) = draw(7, [FaultKind.AGENT_SERVER], rounds=3)
    assert not host.others(1)[0].is_inaudible, "they may have the same host"
