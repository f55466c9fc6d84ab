"""The timeline on hand-made frames."""

from __future__ import annotations

import pytest

from lab.caller.timeline import Timeline

LOUD, QUIET = 1000.0, 0.0


def timeline(*sounds: tuple[str, float, float], until: float = 10) -> Timeline:
    """Frames every 10 ms of each identity, loud within its stretches."""
    made = Timeline()
    for tick in range(round(until * 100)):
        at = tick / 100
        for identity in sorted({name for name, _, _ in sounds}):
            loud = any(name == identity and start <= at < end for name, start, end in sounds)
            made.add(at, identity, LOUD if loud else QUIET)
    return made


def test_spans_bridge_short_pauses_only() -> None:
    spans = timeline(("a", 1, 2), ("a", 2.2, 3), ("a", 5, 6)).spans(bridge=0.3)
    assert [(round(s.start, 2), round(s.end, 2)) for s in spans] == [(1, 3), (5, 6)]


def test_silences_are_measured_to_both_edges() -> None:
    silences = timeline(("a", 1, 2), ("b", 4, 5)).silences(0, 10, at_least=0.5)
    assert [(round(start, 2), round(end, 2)) for start, end in silences] == [(0, 1), (2, 4), (5, 10)]


def test_speech_of_anyone_ends_a_silence() -> None:
    assert timeline(("a", 0, 5), ("b", 5, 10)).silences(0, 10, at_least=0.1) == []


def test_overlap_counts_only_two_at_once() -> None:
    assert timeline(("a", 1, 3), ("b", 2.5, 4)).overlap() == pytest.approx(0.5, abs=0.02)
    assert timeline(("a", 1, 2), ("b", 2, 3)).overlap() == pytest.approx(0, abs=0.015)


def test_first_sound_can_be_of_one_identity() -> None:
    heard = timeline(("a", 1, 3), ("b", 2.5, 4))
    assert heard.first_sound(1.5) == pytest.approx(1.51)
    assert heard.first_sound(1.5, "b") == pytest.approx(2.5)
    assert heard.first_sound(4.5) is None
    assert heard.audible(3.5)
    assert not heard.audible(5)
