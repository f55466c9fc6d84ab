"""The next timer of a session, in each of its situations."""

from __future__ import annotations

from contracts.agent import AgentReady
from contracts.limits import SessionLimits
from contracts.room import Presence
from contracts.statuses import EndReason
from workflows.session.caller_presence import CallerPresence
from workflows.session.generations import AgentWatch
from workflows.session.timers import Deadline, next_deadline

LIMITS = SessionLimits(
    no_show_seconds=120, reconnect_grace_seconds=30, max_duration_seconds=600, agent_launch_limit_seconds=60
)
START = 1000.0


class Situation:
    def __init__(self) -> None:
        self.caller = CallerPresence({"user_ann"}, 0)
        self.agent = AgentWatch(START, 5)
        self.agent.launch()

    def agent_ready(self) -> None:
        self.agent.ready(AgentReady(generation=self.agent.generation, identity="agent_1_a", at_ms=0))

    def joined(self, at: float) -> None:
        self._note("joined", at)

    def left(self, at: float) -> None:
        self._note("left", at)

    def _note(self, kind: str, at: float) -> None:
        report = {"participant_sid": "A", "identity": "user_ann", "kind": kind, "at_ms": int(at * 1000)}
        self.caller.note(Presence.model_validate({**report, "source": "webhook"}))

    def next(self, looked_at: float = 0, *, limits: SessionLimits = LIMITS, said_at: float = 0) -> Deadline:
        return next_deadline(
            limits, self.caller, self.agent, started_at=START, looked_at=looked_at, last_sign_at=said_at
        )


def test_an_agent_must_come_first() -> None:
    assert Situation().next() == (1060, EndReason.AGENT_UNAVAILABLE)


def test_then_the_caller() -> None:
    now = Situation()
    now.agent_ready()
    assert now.next() == (1120, EndReason.NO_SHOW)
    assert now.next(looked_at=1120) == (1240, EndReason.NO_SHOW)


def test_then_only_the_longest_duration_from_the_join_on() -> None:
    now = Situation()
    now.agent_ready()
    now.joined(1050)
    assert now.next() == (1650, EndReason.MAX_DURATION)
    now.agent.gone(1, 1100, counts=True, is_dead=True)
    assert now.next() == (1160, EndReason.AGENT_UNAVAILABLE)


def test_who_left_has_the_grace_and_no_more_than_the_longest_duration() -> None:
    now = Situation()
    now.agent_ready()
    now.joined(1050)
    now.left(1100)
    assert now.next() == (1130, EndReason.CALLER_LEFT)
    assert now.next(looked_at=1130) == (1160, EndReason.CALLER_LEFT)
    late = Situation()
    late.agent_ready()
    late.joined(1050)
    late.left(1645)
    assert late.next() == (1650, EndReason.MAX_DURATION)


def test_silence_is_counted_from_the_last_that_was_said_while_both_are_there() -> None:
    chatty = LIMITS.model_copy(update={"idle_seconds": 50})
    now = Situation()
    now.agent_ready()
    assert now.next(limits=chatty) == (1120, EndReason.NO_SHOW)
    now.joined(1050)
    assert now.next(limits=chatty) == (1100, EndReason.IDLE)
    assert now.next(limits=chatty, said_at=1080) == (1130, EndReason.IDLE)
    assert now.next(limits=LIMITS, said_at=1080) == (1650, EndReason.MAX_DURATION)
    now.agent.gone(1, 1100, counts=True, is_dead=True)
    assert now.next(limits=chatty, said_at=1080) == (1160, EndReason.AGENT_UNAVAILABLE)
    now.agent.launch()
    now.agent.ready(AgentReady(generation=2, identity="agent_2_a", at_ms=0))
    now.left(1110)
    assert now.next(limits=chatty, said_at=1080) == (1140, EndReason.CALLER_LEFT)


def test_only_a_silence_is_put_off_without_another_timer() -> None:
    idle, later = Deadline(1100, EndReason.IDLE), Deadline(1130, EndReason.IDLE)
    assert idle.stands_until(later)
    assert not later.stands_until(idle)
    assert not idle.stands_until(Deadline(1130, EndReason.CALLER_LEFT))
    assert not Deadline(1100, EndReason.NO_SHOW).stands_until(Deadline(1130, EndReason.NO_SHOW))


def test_which_reasons_rest_on_absence() -> None:
    assert {reason for reason in EndReason if Deadline(0, reason).rests_on_absence} == {
        EndReason.NO_SHOW,
        EndReason.CALLER_LEFT,
    }
