"""The bill of random sessions against what was really talked.

Each session has a true story by one clock: the caller comes and goes, agents come and die. The workflow only gets
reports of it: late, doubled, lost, by LiveKit's clock, all at once after an outage of the workers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.agent import AgentReady
from contracts.limits import SessionLimits
from contracts.room import Presence
from contracts.session import SessionRequest
from contracts.statuses import EndReason
from contracts.turns import Turn
from workflows.session.state import SessionState

BEGAN = 1_800_000_000_000
REQUEST = SessionRequest(session_id="session_1800000000_a", user_name="ann", caller_identity="caller_a")
WEBHOOK_DELAY = 1_500
"""Milliseconds that a webhook is under way, at most."""

Deed = Callable[[SessionState, float], object]
"""Applies a report to the state at a time, in the workflow's seconds."""


@dataclass
class Story:
    """What happened, and what was reported of it, as (true time, time of arrival, deed)."""

    random: Random
    skew: int
    """Milliseconds by which LiveKit's clock is ahead of ours."""
    outage: tuple[int, int]
    reports: list[tuple[int, int, Deed]] = field(default_factory=list)
    together: list[tuple[int, int | None]] = field(default_factory=list)
    caller: str = ""
    leave_was_lost: bool = False
    """Neither an agent nor LiveKit told of it."""
    agent_saw_all: bool = True
    generation: int = 0
    agent_is_there: bool = False

    def tell(self, at: int, deed: Deed, delay: int = 0) -> None:
        """The workflow gets to know it, after an outage of its workers if there is one."""
        arrives = at + delay
        first, last = self.outage
        self.reports.append((at, last if first <= arrives <= last else arrives, deed))

    def say(self, at: int) -> None:
        number = self.generation
        turn = Turn(generation=number, sequence=at - BEGAN, role="agent", text="Hello.", at_ms=at)
        self.tell(at, lambda state, now: state.hear(turn, now))

    def see(self, at: int, report: Presence, delay: int = 0) -> None:
        self.tell(at, lambda state, now: state.see(report, now), delay)

    def webhook(self, at: int, kind: str, joined_at: int | None) -> bool:
        """LiveKit's webhook, by LiveKit's clock, in whole seconds where it leaves; maybe doubled, maybe lost."""
        copies = self.random.choice((0, 1, 1, 2))
        for copy in range(copies):
            delay = self.random.randrange(WEBHOOK_DELAY) + copy * 20_000
            stamp = at + self.skew
            report = Presence(
                participant_sid=self.caller,
                identity=REQUEST.caller,
                kind="joined" if kind == "joined" else "left",
                at_ms=stamp if kind == "joined" else stamp // 1000 * 1000,
                joined_at_ms=joined_at,
                received_at_ms=at + delay,
                source="webhook",
            )
            self.see(at, report, delay)
        return copies > 0

    def sighting(self, at: int, kind: str) -> None:
        """The agent's report."""
        report = Presence.model_validate(
            {
                "participant_sid": "" if kind == "absent" else self.caller,
                "identity": REQUEST.caller,
                "kind": kind,
                "at_ms": at,
                "joined_at_ms": None if kind == "absent" else self.joined_at,
                "source": "agent",
            }
        )
        self.see(at, report)

    # What may happen.

    def caller_joins(self, at: int) -> None:
        self.caller = f"PA_{at}"
        self.joined_at = at + self.skew
        known = self.webhook(at, "joined", self.joined_at)
        if self.agent_is_there:
            self.sighting(at, "joined")
        elif not known:  # somebody has to know of them
            self.webhook_for_certain(at)

    def webhook_for_certain(self, at: int) -> None:
        while not self.webhook(at, "joined", self.joined_at):
            pass

    def caller_leaves(self, at: int) -> None:
        is_told = self.webhook(at, "left", self.joined_at)
        if self.agent_is_there:
            self.sighting(at, "left")
        else:
            self.agent_saw_all = False
            self.leave_was_lost = self.leave_was_lost or not is_told
        self.caller = ""

    def agent_comes(self, at: int) -> None:
        self.generation += 1
        number, self.agent_is_there = self.generation, True
        self.tell(at - 300, lambda state, now: state.agents.launch(now))
        if self.caller:
            self.sighting(at, "joined")
        elif number > 1:
            self.sighting(at, "absent")
        ready = AgentReady(generation=number, identity=f"agent_{number}_a", at_ms=at)
        self.tell(at, lambda state, now: state.agents.ready(ready, now))

    def agent_dies(self, at: int) -> None:
        number, self.agent_is_there = self.generation, False

        def exits(state: SessionState, now: float) -> None:
            state.agents.gone(number, at)
            state.caller.sighted(at)
            state.agents.exited(number, now, counts=True, is_dead=True)

        self.tell(at, exits)

    def may_come(self, at: int) -> bool:
        """An agent is launched, claimed and ready only while workers run."""
        first, last = self.outage
        return not first <= at + 500 <= last + 1_000

    def next_deed(self) -> Callable[[int], None]:
        caller = self.caller_leaves if self.caller else self.caller_joins
        agent = self.agent_dies if self.agent_is_there else self.agent_comes
        return self.random.choice((caller, agent))

    def meet(self, at: int) -> None:
        """Begin or end a time of both being there."""
        is_together = bool(self.caller) and self.agent_is_there
        was_together = bool(self.together) and self.together[-1][1] is None
        if is_together and not was_together:
            self.together.append((at, None))
            self.say(at)
        elif was_together and not is_together:
            self.together[-1] = (self.together[-1][0], at)

    def talked(self, ended_at: int) -> int:
        """Milliseconds from the first moment at which both were there to the last one."""
        if not self.together:
            return 0
        (first, _), (_, last) = self.together[0], self.together[-1]
        return min(ended_at, ended_at if last is None else last) - first

    def told(self) -> Iterator[tuple[int, Deed]]:
        """In the order of arrival; what arrives together comes in its own order."""
        for _, arrives, deed in sorted(self.reports, key=lambda each: (each[1], each[0])):
            yield arrives, deed


def story_of(random: Random, skew: int) -> tuple[Story, int]:
    """A story and the time of its end."""
    at = BEGAN + 1_000
    first = BEGAN + random.randrange(1_000, 200_000)
    story = Story(random, skew, (first, first + random.choice((0, 3_000, 30_000))))
    for _ in range(random.randrange(1, 9)):
        at += random.choice((700, 5_000, random.randrange(1_000, 60_000)))
        deed = story.next_deed()
        if deed != story.agent_comes or story.may_come(at):
            deed(at)
            story.meet(at)
    return story, at + random.randrange(500, 40_000)


def bill(story: Story, ended_at: int, reason: EndReason, noticed_at: int, longest: float = 10_000) -> int:
    """The session's bill if it ended for this reason at this time, and a worker noticed it then."""
    limits = SessionLimits(max_duration_seconds=longest)
    request = REQUEST.model_copy(update={"limits": limits})
    state = SessionState.of(request, BEGAN / 1000)
    late = [(arrives, deed) for arrives, deed in story.told() if arrives > noticed_at]
    for arrives, deed in story.told():
        if arrives <= noticed_at:
            deed(state, arrives / 1000)
    state.decide_end(reason, noticed_at / 1000, ended_at)
    for arrives, deed in late:  # the bill waits a moment for them
        deed(state, arrives / 1000)
    state.settle_bill(request)
    assert state.end.summary is not None
    return state.end.summary.duration_seconds


@settings(max_examples=3_000, deadline=None)
@given(seed=st.integers(0, 2**32), skew=st.sampled_from((0, 0, 20_000, 90_000, -20_000, -90_000)))
def test_the_bill_is_what_both_were_there_for(seed: int, skew: int) -> None:
    random = Random(seed)  # noqa: S311
    story, ended_at = story_of(random, skew)
    noticed_at = max(ended_at, story.outage[1]) + random.choice((0, 30_000))
    talked = story.talked(ended_at) // 1000
    reasons = (EndReason.API_REQUEST, random.choice(list(EndReason)))
    bills = {bill(story, ended_at, reason, noticed_at) for reason in reasons}
    assert len(bills) == 1, "the reason of the end changes no bill"
    billed = bills.pop()
    if story.leave_was_lost and not story.together:
        return  # only webhooks know of this caller, and LiveKit never told that they left
    # LiveKit's leaves are dated by the second.
    assert talked - 1 <= billed <= talked
    if skew == 0 and story.agent_saw_all:
        assert billed == talked


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), longest=st.integers(1, 120))
def test_no_bill_exceeds_the_maximum_duration(seed: int, longest: int) -> None:
    story, ended_at = story_of(Random(seed), 0)  # noqa: S311
    billed = bill(story, ended_at, EndReason.MAX_DURATION, ended_at + 60_000, longest)
    assert billed <= longest
    if story.together:
        assert billed <= story.talked(ended_at) // 1000


def test_heard_nothing_billed_nothing() -> None:
    story = Story(Random(1), 0, (0, 0))  # noqa: S311
    story.agent_comes(BEGAN + 1_000)
    story.caller_joins(BEGAN + 2_000)
    story.meet(BEGAN + 2_000)
    silent = [report for report in story.reports if report[0] != BEGAN + 2_000]
    assert bill(story, BEGAN + 62_000, EndReason.API_REQUEST, BEGAN + 62_000) == 60
    story.reports = silent
    story.sighting(BEGAN + 2_000, "joined")
    assert bill(story, BEGAN + 62_000, EndReason.API_REQUEST, BEGAN + 62_000) == 0
