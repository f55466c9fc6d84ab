"""Recovery and silence, read from the audio."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.caller import Spoken
from lab.chaos.measure import longest_silence, measure, recovery
from lab.chaos.plan import Kind
from lab.chaos.record import Exchange
from tests.fakes.chaotic_calls import good_call, sounds, strike


def test_recovery_is_from_the_fault_to_the_next_agent() -> None:
    call = good_call()
    measure(call)
    undisturbed, struck = call.exchanges
    assert recovery(undisturbed) is None
    assert recovery(struck) == pytest.approx(1.0, abs=0.02)
    assert struck.hit is not None
    assert struck.hit.silence == pytest.approx(1.0, abs=0.02)
    assert struck.reply_seconds == pytest.approx(2.5)


def test_a_victim_that_sounds_again_is_no_recovery() -> None:
    call = good_call()
    call.timeline = sounds(("agent_1", 23, 24), ("agent_2", 25, 26))
    measure(call)
    assert recovery(call.exchanges[1]) == pytest.approx(1.5, abs=0.02)


def test_an_agent_does_not_speak_while_the_caller_does() -> None:
    call = good_call()
    struck = call.exchanges[1]
    assert struck.hit is not None
    struck.hit.at = 20.5  # in the middle of the caller's sentence, which ends at 22
    call.timeline = sounds(("agent_2", 22.8, 24))
    measure(call)
    assert recovery(struck) == pytest.approx(0.8, abs=0.02)


def test_silence_is_measured_as_long_as_the_fault_lasts() -> None:
    call = good_call(Kind.TEMPORAL_AWAY)
    struck = call.exchanges[1]
    assert struck.hit is not None
    struck.hit.strike = replace(struck.hit.strike, seconds=30)
    call.exchanges.append(Exchange(55, [Spoken("", 40, 42)], 0, 47, 48))
    call.exchanges.append(Exchange(56, [Spoken("", 60, 62)], 0, 80, 81))  # the fault is over
    call.timeline = sounds(("agent_1", 23, 26), ("agent_1", 47, 48), ("agent_1", 80, 81))
    measure(call)
    assert struck.hit.silence == pytest.approx(5.0, abs=0.02)


def test_what_takes_no_agent_away_has_no_recovery() -> None:
    call = good_call(Kind.WORKER)
    measure(call)
    assert recovery(call.exchanges[1]) is None


def test_livekits_agents_keep_their_names() -> None:
    call = good_call()
    struck = call.exchanges[1]
    assert struck.hit is not None
    struck.hit.strike, struck.hit.victims = strike(Kind.LIVEKIT), ()
    call.timeline = sounds(("agent_1", 23, 23.7), ("agent_1", 26, 27))
    measure(call)
    assert recovery(struck) == pytest.approx(2.5, abs=0.02)  # what was under way is no recovery


@pytest.mark.parametrize(
    ("speech", "longest"), [([], 3.0), ([(5.0, 6.0)], 2.0), ([(5.0, 7.5), (8.0, 9.5)], 1.0), ([(0.0, 10.0)], 0.0)]
)
def test_silence_is_when_nobody_sounds(speech: list[tuple[float, float]], longest: float) -> None:
    heard = sounds(("agent_1", 1, 4), ("agent_2", 7, 8))
    assert longest_silence(heard, speech, 1, 10) == pytest.approx(longest, abs=0.02)
