"""What must hold after every call, whatever struck it. Pure: each check gives its complaints, none when all is well."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Final

from contracts.turns import Turn
from lab.caller import speech
from lab.chaos.numbers import numbers_in
from lab.chaos.plan import SILENCES, Kind
from lab.chaos.record import CallRecord

COMMITTED_BEFORE_MS: Final = 1_000
"""A turn stands in every request that comes this much later: the time that a report may be under way."""
BILL_WITHIN_SECONDS: Final = 1.0
_THOUGHT_AHEAD_MS: Final = 2_000
_SAME_WORDS: Final = 0.35


def held_to_its_end(call: CallRecord) -> Iterator[str]:
    """Every number was answered, and nothing went wrong that the caller noticed."""
    if call.broke:
        yield call.broke


def history_complete(call: CallRecord) -> Iterator[str]:
    """Every number that was answered stands in the transcript."""
    said = _said_in(call.turns, "caller")
    for exchange in call.exchanges:
        if exchange.answered_at is not None and not said[exchange.number]:
            yield f"{exchange.number} was answered and is not in the transcript"


def nothing_twice(call: CallRecord) -> Iterator[str]:
    """No number stands in the transcript more often than it was said, and none is answered more often."""
    said = _said_in(call.turns, "caller")
    answered = Counter(_subject(turn) for turn in call.turns if turn.role == "agent" and not turn.interrupted)
    for exchange in call.exchanges:
        number = exchange.number
        if said[number] > exchange.said:
            yield f"{number} was said {exchange.said} times and stands in the transcript {said[number]} times"
        if answered[number] > exchange.said:
            yield f"{number} was said {exchange.said} times and answered {answered[number]} times"


def nothing_invented(call: CallRecord) -> Iterator[str]:
    """No number is in the transcript that nobody said."""
    for number in sorted(_said_in(call.turns, "caller").keys() - {exchange.number for exchange in call.exchanges}):
        yield f"{number} is in the transcript and was never said"


def nothing_disappears(call: CallRecord) -> Iterator[str]:
    """What the transcript had once, it has at the end."""
    final = set(call.turns)
    for turn in dict.fromkeys(turn for snapshot in call.snapshots for turn in snapshot):
        if turn not in final:
            yield f"turn {turn.generation}.{turn.sequence} of the {turn.role} disappeared from the transcript"


def nothing_forgotten(call: CallRecord) -> Iterator[str]:
    """Every request to the language model holds every number that was committed before it.

    Of requests within two seconds the last one counts: those before it were thought ahead and dropped.
    """
    committed = [
        (turn.at_ms, number) for turn in call.turns if turn.role == "caller" for number in numbers_in(turn.text)
    ]
    for asked, following in zip_longest(call.asked, call.asked[1:]):
        if following is not None and following.at_ms - asked.at_ms < _THOUGHT_AHEAD_MS:
            continue
        due = {number for at_ms, number in committed if at_ms + COMMITTED_BEFORE_MS <= asked.at_ms}
        if missing := due - set(asked.numbers):
            yield f"a request for {asked.numbers[-1:]} did not know {sorted(missing)}"


def one_greeting(call: CallRecord) -> Iterator[str]:
    """The opening line stands in the transcript once and is heard at most once."""
    written = sum(turn.role == "agent" and turn.text == call.opening_line for turn in call.turns)
    heard = sum(speech.word_error_rate(call.opening_line, text) <= _SAME_WORDS for text in call.heard)
    if written != 1:
        yield f"the greeting stands in the transcript {written} times"
    if heard > 1:
        yield f"the greeting was heard {heard} times"


def one_voice(call: CallRecord) -> Iterator[str]:
    """No two agents are audible at once."""
    if overlap := call.timeline.overlap():
        yield f"two agents were audible at once for {overlap:.2f} s"


def inaudible(call: CallRecord) -> Iterator[str]:
    """A fault that takes no agent away is not noticed: every number is answered once it was understood.

    An answer that stands in the transcript, and came as a sound that the caller's own ear could not make out, is one.
    """
    if call.plan.kind in SILENCES:
        return
    answers = Counter(_subject(turn) for turn in call.turns if turn.role == "agent")
    for exchange in call.exchanges:
        not_made_out = min(exchange.unclear, max(0, answers[exchange.number] - 1))
        if exchange.said - exchange.misheard - not_made_out > 1:
            yield f"{exchange.number} had to be said {exchange.said} times"


def no_cut_word(call: CallRecord) -> Iterator[str]:
    """An agent that is drained ends its sentence: all of the answer is heard, not interrupted."""
    for exchange in call.exchanges:
        if exchange.hit is None or exchange.hit.strike.kind is not Kind.DRAIN or exchange.answered_at is None:
            continue
        turns = [turn for turn in call.turns if turn.role == "agent" and _subject(turn) == exchange.number]
        if turns and all(turn.interrupted for turn in turns):
            yield f"the answer to {exchange.number} was interrupted by a drain"
        elif turns and set(numbers_in(turns[-1].text)) - set(numbers_in(exchange.heard)):
            yield f"the answer to {exchange.number} was not heard to its end"


def billed_right(call: CallRecord) -> Iterator[str]:
    """The bill agrees with the caller's own clock, from its first join to the end."""
    if not call.bill or call.joined_at is None or call.ended_at is None:
        yield "there is no bill"
        return
    billed, own = call.bill["durationSeconds"], call.ended_at - call.joined_at
    if abs(billed - own) > BILL_WITHIN_SECONDS:
        yield f"billed {billed} s, by the caller's clock {own:.1f} s"


def ended_clean(call: CallRecord) -> Iterator[str]:
    """No error is reported, and nothing is left in LiveKit, in Temporal or among the processes."""
    if call.bill and call.bill["errors"]:
        yield f"errors: {call.bill['errors']}"
    if call.left_behind:
        yield f"left behind: {', '.join(call.left_behind)}"


CHECKS: Final[tuple[Callable[[CallRecord], Iterator[str]], ...]] = (
    held_to_its_end,
    history_complete,
    nothing_twice,
    nothing_invented,
    nothing_disappears,
    nothing_forgotten,
    one_greeting,
    one_voice,
    inaudible,
    no_cut_word,
    billed_right,
    ended_clean,
)


def wrong_results(call: CallRecord) -> list[str]:
    """Every complaint about a call, each beginning with the name of its check."""
    return [f"{check.__name__}: {complaint}" for check in CHECKS for complaint in check(call)]


def _said_in(turns: tuple[Turn, ...], role: str) -> Counter[int]:
    return Counter(number for turn in turns if turn.role == role for number in numbers_in(turn.text))


def _subject(turn: Turn) -> int | None:
    """The number that an answer is about: its first."""
    return next(iter(numbers_in(turn.text)), None)
