"""Recovery and silence after faults."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.caller import Spoken
from lab.chaos.call_plan import FaultKind
from lab.chaos.call_record import Exchange
from lab.chaos.recovery import longest_silence, measure, recovery
from tests.fakes.chaotic_calls import fault, good_call, sounds


def test_recovery_is_from_the_fault_to_the_next_agent() -> None:
    call = good_call()
    measure(call)
    undisturbed, hit = call.exchanges
    assert recovery(undisturbed) is None
    assert recovery(hit) == pytest.approx(1.0, abs=0.02)
    assert hit.injection is not None
    assert hit.injection.silence == pytest.approx(1.0, abs=0.02)
    assert hit.reply_seconds == pytest.approx(2.5)


def test_a_sound_of_the_victim_is_no_recovery() -> None:
    call = good_call()
    call.timeline = sounds(("agent_1", 23, 24), ("agent_2", 25, 26))
    measure(call)
    assert recovery(call.exchanges[1]) == pytest.approx(1.5, abs=0.02)


def test_recovery_begins_after_the_callers_sentence() -> None:
    call = good_call()
    hit = call.exchanges[1]
    assert hit.injection is not None
    hit.injection.at = 20.5  # in the middle of the caller's sentence, which ends at 22
    call.timeline = sounds(("agent_2", 22.8, 24))
    measure(call)
    assert recovery(hit) == pytest.approx(0.8, abs=0.02)


def test_silence_is_measured_as_long_as_the_fault_lasts() -> None:
    call = good_call(FaultKind.TEMPORAL_AWAY)
    hit = call.exchanges[1]
    assert hit.injection is not None
    hit.injection.fault = replace(hit.injection.fault, seconds=30)
    call.exchanges.append(Exchange(55, [Spoken("", 40, 42)], 0, 47, 48))
    call.exchanges.append(Exchange(56, [Spoken("", 60, 62)], 0, 80, 81))  # the fault is over
    call.timeline = sounds(("agent_1", 23, 26), ("agent_1", 47, 48), ("agent_1", 80, 81))
    measure(call)
    assert hit.injection.silence == pytest.approx(5.0, abs=0.02)


def test_faults_that_take_no_agent_away_have_no_recovery() -> None:
    call = good_call(FaultKind.WORKER)
    measure(call)
    assert recovery(call.exchanges[1]) is None


def test_agents_keep_their_identity_through_a_fault_of_livekit() -> None:
    call = good_call()
    hit = call.exchanges[1]
    assert hit.injection is not None
    hit.injection.fault, hit.injection.victims = fault(FaultKind.LIVEKIT), ()
    call.timeline = sounds(("agent_1", 23, 23.7), ("agent_1", 26, 27))
    measure(call)
    assert recovery(hit) == pytest.approx(2.5, abs=0.02)  # the rest of the old sound is no recovery


@pytest.mark.parametrize(
    ("speech", "longest"), [([], 3.0), ([(5.0, 6.0)], 2.0), ([(5.0, 7.5), (8.0, 9.5)], 1.0), ([(0.0, 10.0)], 0.0)]
)
def test_the_longest_silence_is_without_agents_and_caller(speech: list[tuple[float, float]], longest: float) -> None:
    heard = sounds(("agent_1", 1, 4), ("agent_2", 7, 8))
    assert longest_silence(heard, speech, 1, 10) == pytest.approx(longest, abs=0.02)
