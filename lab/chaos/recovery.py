"""Measures recovery and silence after a fault in the audio of a call. Pure; times are monotonic seconds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lab.caller import Timeline
from lab.chaos.call_record import CallRecord, Exchange

_PAUSE_SECONDS = 0.05


def measure(call: CallRecord) -> None:
    """Fill in the return of an agent after each fault, and the longest silence until the end of the answer."""
    speech = _speech(call.exchanges)
    for index, exchange in enumerate(call.exchanges):
        injection = exchange.injection
        if injection is None:
            continue
        if injection.fault.silences_agent:
            injection.back_at = _sound(
                call.timeline, max(injection.sounds_after, _said_until(exchange, injection.at)), injection.victims
            )
        ends = [at for at in (exchange.answer_ended_at, injection.back_at) if at is not None and at > injection.at]
        spans = [(injection.at, max(ends))] if ends else []
        spans += _meanwhile(call.exchanges[index + 1 :], injection.at + injection.fault.seconds)
        injection.silence = max((longest_silence(call.timeline, speech, *span) for span in spans), default=None)


def recovery(exchange: Exchange) -> float | None:
    """Seconds from the fault, or from the end of the caller's sentence during it, to the next sound of an agent."""
    injection = exchange.injection
    if injection is None or injection.back_at is None:
        return None
    return injection.back_at - max(injection.at, _said_until(exchange, injection.at))


def longest_silence(timeline: Timeline, spoken: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """The longest stretch between `start` and `end` without a sound of an agent or the caller."""
    sounds = [(span.start, span.end) for span in timeline.spans(bridge=_PAUSE_SECONDS)]
    longest, quiet_since = 0.0, start
    for begin, finish in sorted([*sounds, *spoken]):
        longest = max(longest, min(begin, end) - quiet_since)
        quiet_since = max(quiet_since, finish)
        if quiet_since >= end:
            return longest
    return max(longest, end - quiet_since)


def _meanwhile(later: Iterable[Exchange], until: float) -> list[tuple[float, float]]:
    """The times from question to answer of later exchanges that began during the fault."""
    return [
        (exchange.spoken[0].first_sound_at, exchange.answer_ended_at)
        for exchange in later
        if exchange.answer_ended_at is not None and exchange.spoken[0].first_sound_at < until
    ]


def _said_until(exchange: Exchange, at: float) -> float:
    """The end of the caller's sentence at `at`; `at` if the caller was silent."""
    return next((s.last_sound_at for s in exchange.spoken if s.first_sound_at <= at <= s.last_sound_at), at)


def _sound(timeline: Timeline, after: float, other_than: tuple[str, ...]) -> float | None:
    voices = {frame.identity for frame in timeline.frames} - set(other_than)
    sounds = [timeline.first_sound(after, voice) for voice in voices]
    return min((sound for sound in sounds if sound is not None), default=None)


def _speech(exchanges: Iterable[Exchange]) -> list[tuple[float, float]]:
    return [(spoken.first_sound_at, spoken.last_sound_at) for exchange in exchanges for spoken in exchange.spoken]
