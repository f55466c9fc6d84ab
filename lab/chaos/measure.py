"""What a fault cost the caller, read from what was audible. Pure; times are monotonic seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.caller import Timeline
from lab.chaos.record import CallRecord, Exchange

_PAUSE_SECONDS = 0.05


def measure(call: CallRecord) -> None:
    """Fill in when an agent sounded again after each fault, and the longest silence until the answer ended."""
    speech = _speech(call.exchanges)
    for index, exchange in enumerate(call.exchanges):
        hit = exchange.hit
        if hit is None:
            continue
        if hit.strike.silences:
            hit.back_at = _sound(call.timeline, max(hit.sounds_after, _said_until(exchange, hit.at)), hit.victims)
        ends = [at for at in (exchange.answer_ended_at, hit.back_at) if at is not None and at > hit.at]
        spans = [(hit.at, max(ends))] if ends else []
        spans += _meanwhile(call.exchanges[index + 1 :], hit.at + hit.strike.seconds)
        hit.silence = max((longest_silence(call.timeline, speech, *span) for span in spans), default=None)


def recovery(exchange: Exchange) -> float | None:
    """Seconds from the fault, or from the end of what the caller was saying then, to the next sound of an agent."""
    hit = exchange.hit
    if hit is None or hit.back_at is None:
        return None
    return hit.back_at - max(hit.at, _said_until(exchange, hit.at))


def longest_silence(timeline: Timeline, spoken: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """The longest stretch between `start` and `end` in which neither an agent nor the caller sounded."""
    sounds = [(span.start, span.end) for span in timeline.spans(bridge=_PAUSE_SECONDS)]
    longest, quiet_since = 0.0, start
    for begin, finish in sorted([*sounds, *spoken]):
        longest = max(longest, min(begin, end) - quiet_since)
        quiet_since = max(quiet_since, finish)
        if quiet_since >= end:
            return longest
    return max(longest, end - quiet_since)


def _meanwhile(later: Iterable[Exchange], until: float) -> list[tuple[float, float]]:
    """From question to answer, of the exchanges that began before the fault was over."""
    return [
        (exchange.spoken[0].first_sound_at, exchange.answer_ended_at)
        for exchange in later
        if exchange.answer_ended_at is not None and exchange.spoken[0].first_sound_at < until
    ]


def _said_until(exchange: Exchange, at: float) -> float:
    """The end of what the caller was saying at `at`; `at` when the caller was silent."""
    return next((s.last_sound_at for s in exchange.spoken if s.first_sound_at <= at <= s.last_sound_at), at)


def _sound(timeline: Timeline, after: float, other_than: tuple[str, ...]) -> float | None:
    voices = {frame.identity for frame in timeline.frames} - set(other_than)
    sounds = [timeline.first_sound(after, voice) for voice in voices]
    return min((sound for sound in sounds if sound is not None), default=None)


def _speech(exchanges: Iterable[Exchange]) -> list[tuple[float, float]]:
    return [(spoken.first_sound_at, spoken.last_sound_at) for exchange in exchanges for spoken in exchange.spoken]
