"""The checks after every call, whatever the fault. Pure: each yields its complaints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import zip_longest
from typing import Final

from contracts.turns import Turn
from lab.caller import speech
from lab.chaos.call_plan import FaultKind
from lab.chaos.call_record import CallRecord
from lab.chaos.numbers import numbers_in

COMMITTED_BEFORE_MS: Final = 1_000
"""Every model request this much later than a turn must contain it: a report takes some time."""
BILL_WITHIN_SECONDS: Final = 1.0
_PREEMPTIVE_MS: Final = 2_000
_SAME_WORDS: Final = 0.35


def call_completed(call: CallRecord) -> Iterator[str]:
    """Every number is answered, and the call does not break off."""
    if call.failure:
        yield call.failure


def transcript_complete(call: CallRecord) -> Iterator[str]:
    """Every answered number is in the transcript."""
    said = _said_in(call.turns, "caller")
    for exchange in call.exchanges:
        if exchange.answered_at is not None and not said[exchange.number]:
            yield f"{exchange.number} was answered and is not in the transcript"


def no_duplicates(call: CallRecord) -> Iterator[str]:
    """No number is in the transcript, or answered, more often than it was said."""
    said = _said_in(call.turns, "caller")
    answered = Counter(_subject(turn) for turn in call.turns if turn.role == "agent" and not turn.interrupted)
    for exchange in call.exchanges:
        number = exchange.number
        if said[number] > exchange.said:
            yield f"{number} was said {exchange.said} times and is in the transcript {said[number]} times"
        if answered[number] > exchange.said:
            yield f"{number} was said {exchange.said} times and answered {answered[number]} times"


def no_invented_turns(call: CallRecord) -> Iterator[str]:
    """The transcript has no number that the caller did not say."""
    for number in sorted(_said_in(call.turns, "caller").keys() - {exchange.number for exchange in call.exchanges}):
        yield f"{number} is in the transcript and was never said"


def no_turn_disappears(call: CallRecord) -> Iterator[str]:
    """Every turn that was once in the transcript is there at the end."""
    final = set(call.turns)
    for turn in dict.fromkeys(turn for snapshot in call.snapshots for turn in snapshot):
        if turn not in final:
            yield f"turn {turn.generation}.{turn.sequence} of the {turn.role} disappeared from the transcript"


def model_context_complete(call: CallRecord) -> Iterator[str]:
    """Every request to the language model contains every number committed before it.

    Of requests within two seconds the last one counts: the agent dropped the earlier, preemptive ones.
    """
    committed = [
        (turn.at_ms, number) for turn in call.turns if turn.role == "caller" for number in numbers_in(turn.text)
    ]
    for request, following in zip_longest(call.model_requests, call.model_requests[1:]):
        if following is not None and following.at_ms - request.at_ms < _PREEMPTIVE_MS:
            continue
        due = {number for at_ms, number in committed if at_ms + COMMITTED_BEFORE_MS <= request.at_ms}
        if missing := due - set(request.numbers):
            yield f"a request for {request.numbers[-1:]} did not contain {sorted(missing)}"


def one_greeting(call: CallRecord) -> Iterator[str]:
    """The opening line is in the transcript once and heard at most once."""
    written = sum(turn.role == "agent" and turn.text == call.opening_line for turn in call.turns)
    heard = sum(speech.word_error_rate(call.opening_line, text) <= _SAME_WORDS for text in call.heard)
    if written != 1:
        yield f"the greeting is in the transcript {written} times"
    if heard > 1:
        yield f"the greeting was heard {heard} times"


def one_voice(call: CallRecord) -> Iterator[str]:
    """No two agents are audible at once."""
    if overlap := call.timeline.overlap():
        yield f"two agents were audible at once for {overlap:.2f} s"


def fault_inaudible(call: CallRecord) -> Iterator[str]:
    """A fault that takes no agent away makes the caller repeat nothing: every understood number is answered.

    A sound that the caller's own STT did not recognize counts as the answer if the answer is in the transcript.
    """
    if not call.plan.is_inaudible:
        return
    answers = Counter(_subject(turn) for turn in call.turns if turn.role == "agent")
    for exchange in call.exchanges:
        not_made_out = min(exchange.unclear, max(0, answers[exchange.number] - 1))
        if exchange.said - exchange.misheard - not_made_out > 1:
            yield f"{exchange.number} had to be said {exchange.said} times"


def no_cut_answer(call: CallRecord) -> Iterator[str]:
    """A drained agent finishes its sentence: the whole answer is heard."""
    for exchange in call.exchanges:
        if (
            exchange.injection is None
            or exchange.injection.fault.kind is not FaultKind.DRAIN
            or exchange.answered_at is None
        ):
            continue
        turns = [turn for turn in call.turns if turn.role == "agent" and _subject(turn) == exchange.number]
        if turns and all(turn.interrupted for turn in turns):
            yield f"the answer to {exchange.number} was interrupted by a drain"
        elif turns and set(numbers_in(turns[-1].text)) - set(numbers_in(exchange.heard)):
            yield f"the answer to {exchange.number} was not heard to its end"


def bill_correct(call: CallRecord) -> Iterator[str]:
    """The bill agrees with the caller's own clock: from between its join and the first sound, to the end."""
    if not call.bill or call.joined_at is None or call.ended_at is None:
        yield "there is no bill"
        return
    billed, most = call.bill["durationSeconds"], call.ended_at - call.joined_at
    heard_at = call.timeline.first_sound(call.joined_at)
    least = 0.0 if heard_at is None else call.ended_at - heard_at
    if not least - BILL_WITHIN_SECONDS <= billed <= most + BILL_WITHIN_SECONDS:
        yield f"billed {billed} s, by the caller's clock {least:.1f} to {most:.1f} s"


def cleaned_up(call: CallRecord) -> Iterator[str]:
    """No error is reported, and nothing is left in LiveKit, in Temporal or among the processes."""
    if call.bill and call.bill["errors"]:
        yield f"errors: {call.bill['errors']}"
    if call.left_behind:
        yield f"left behind: {', '.join(call.left_behind)}"


CHECKS: Final[tuple[Callable[[CallRecord], Iterator[str]], ...]] = (
    call_completed,
    transcript_complete,
    no_duplicates,
    no_invented_turns,
    no_turn_disappears,
    model_context_complete,
    one_greeting,
    one_voice,
    fault_inaudible,
    no_cut_answer,
    bill_correct,
    cleaned_up,
)


def wrong_results(call: CallRecord) -> list[str]:
    """Return every complaint about a call, each with the name of its check in front."""
    return [f"{check.__name__}: {complaint}" for check in CHECKS for complaint in check(call)]


def _said_in(turns: tuple[Turn, ...], role: str) -> Counter[int]:
    return Counter(number for turn in turns if turn.role == role for number in numbers_in(turn.text))


def _subject(turn: Turn) -> int | None:
    """The number that an answer is for: its first."""
    return next(iter(numbers_in(turn.text)), None)
