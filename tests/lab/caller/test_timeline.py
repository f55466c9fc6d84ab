"""The timeline on hand-made frames."""

from __future__ import annotations

import pytest

from tests.fakes.chaotic_calls import sounds


def test_spans_bridge_short_pauses_only() -> None:
    spans = sounds(("a", 1, 2), ("a", 2.2, 3), ("a", 5, 6)).spans(bridge=0.3)
    assert [(round(s.start, 2), round(s.end, 2)) for s in spans] == [(1, 3), (5, 6)]


def test_overlap_counts_only_two_at_once() -> None:
    assert sounds(("a", 1, 3), ("b", 2.5, 4)).overlap() == pytest.approx(0.5, abs=0.02)
    assert sounds(("a", 1, 2), ("b", 2, 3)).overlap() == pytest.approx(0, abs=0.015)


def test_first_sound_can_be_of_one_identity() -> None:
    heard = sounds(("a", 1, 3), ("b", 2.5, 4))
    assert heard.first_sound(1.505) == pytest.approx(1.51)
    assert heard.first_sound(1.505, "b") == pytest.approx(2.5)
    assert heard.first_sound(4.5) is None


def test_quiet_frames_are_not_audible() -> None:
    heard = sounds(("a", 1, 2))
    assert not heard.add(3, "a", 10)
    assert heard.first_sound(2.5) is None
    assert heard.last_sound() == pytest.approx(1.99)
