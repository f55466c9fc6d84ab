"""A hand-made record of a good call, for tests that spoil one thing of it."""

from __future__ import annotations

from typing import Literal

from contracts.turns import Turn
from lab.caller import Spoken, Timeline
from lab.caller.timeline import FRAME_SECONDS
from lab.chaos.call_plan import CallPlan, Ending, Fault, FaultKind, Moment
from lab.chaos.call_record import CallRecord, Exchange, Injection
from lab.chaos.numbers import in_words, sentence
from lab.chaos.scripted_model import ModelRequest

OPENING_LINE = "Hello there. Please tell me a number."
LOUD = 1000.0


def fault(kind: FaultKind = FaultKind.JOB) -> Fault:
    return Fault(kind, Moment.AGENT_SPEAKS, offset=0.5)


def turn(sequence: int, role: Literal["agent", "caller"], text: str, at_ms: int, generation: int = 1) -> Turn:
    return Turn(generation=generation, sequence=sequence, role=role, text=text, at_ms=at_ms)


def sounds(*spans: tuple[str, float, float]) -> Timeline:
    """Frames of the given stretches, in the order of their times."""
    timeline = Timeline()
    frames = [
        (start + index * FRAME_SECONDS, identity)
        for identity, start, end in spans
        for index in range(round((end - start) / FRAME_SECONDS))
    ]
    for at, identity in sorted(frames):
        timeline.add(at, identity, LOUD)
    return timeline


def good_call(kind: FaultKind = FaultKind.JOB) -> CallRecord:
    """The caller says 23 and then 41; a fault hits the second answer at second 23.5, and it comes again at 24.5."""
    first, second = in_words(23).capitalize(), in_words(41).capitalize()
    injection = Injection(fault(kind), at=23.5, victims=("agent_1",))
    return CallRecord(
        plan=CallPlan(1, kind, (injection.fault,), (23, 41), Ending.API),
        session_id="session_1",
        opening_line=OPENING_LINE,
        exchanges=[
            Exchange(23, [Spoken(sentence(23), 10, 12)], 0, 13, 15, f"{first}. That is the first one."),
            Exchange(41, [Spoken(sentence(41), 20, 22)], 0, 24.5, 26.5, f"{second}. Before that, 23.", injection),
        ],
        heard=["Hello there. Please tell me a number.", f"{first}. That is the first one."],
        snapshots=[(turn(1, "agent", OPENING_LINE, 8_000),)],
        turns=(
            turn(1, "agent", OPENING_LINE, 8_000),
            turn(2, "caller", "My number is 23.", 12_200),
            turn(3, "agent", f"{first}. That is the first one.", 15_000),
            turn(4, "caller", "My number is 41.", 22_200),
            turn(1, "agent", f"{second}. Before that, twenty three.", 26_500, generation=2),
        ),
        model_requests=(
            ModelRequest("", 12_300, (23,), ""),
            ModelRequest("", 22_300, (23, 41), ""),
            ModelRequest("", 24_000, (23, 41), ""),
        ),
        timeline=sounds(("agent_1", 6, 8), ("agent_1", 13, 15), ("agent_1", 23, 23.5), ("agent_2", 24.5, 26.5)),
        joined_at=5.0,
        ended_at=30.0,
        bill={"durationSeconds": 25, "errors": []},
        generations=2,
    )
