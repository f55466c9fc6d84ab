"""The next timer of a session, in each of its situations."""

from __future__ import annotations

from contracts.agent import AgentReady, ClaimRequest
from contracts.limits import SessionLimits
from contracts.room import Presence
from contracts.session import SessionRequest
from contracts.statuses import EndReason
from workflows.session.state import SessionState
from workflows.session.timers import Deadline, next_deadline

LIMITS = SessionLimits(
    no_show_seconds=120, reconnect_grace_seconds=30, max_duration_seconds=600, agent_launch_limit_seconds=60
)
START = 1000.0


class Situation:
    """A session that began at START, with its first agent on the way."""

    def __init__(self) -> None:
        self.state = SessionState.of(SessionRequest(session_id="s", user_name="ann"), START)
        self.agents = self.state.agents
        self.agents.launch(START)

    def agent_ready(self) -> None:
        self.agents.ready(AgentReady(generation=self.agents.launched, identity="agent_1_a", at_ms=0), START)

    def joined(self, at: float) -> None:
        self._note("joined", at)

    def left(self, at: float) -> None:
        self._note("left", at)

    def _note(self, kind: str, at: float) -> None:
        report = {"participant_sid": "A", "identity": "user_ann", "kind": kind, "at_ms": int(at * 1000)}
        self.state.caller.note(Presence.model_validate({**report, "source": "webhook"}), int(at * 1000))

    def next(self, checked_at: float = 0, *, limits: SessionLimits = LIMITS, active_at: float = 0) -> Deadline:
        self.state.last_room_check_at, self.state.last_activity_at = checked_at, active_at
        return next_deadline(limits, self.state)


def test_an_agent_must_come_first() -> None:
    assert Situation().next() == (1060, EndReason.AGENT_UNAVAILABLE)


def test_then_the_caller_must_come() -> None:
    now = Situation()
    now.agent_ready()
    assert now.next() == (1120, EndReason.NO_SHOW)
    assert now.next(checked_at=1120) == (1240, EndReason.NO_SHOW)


def test_then_the_longest_duration_counts_from_the_join() -> None:
    now = Situation()
    now.agent_ready()
    now.joined(1050)
    assert now.next() == (1650, EndReason.MAX_DURATION)
    now.agents.exited(1, 1100, counts=True, is_dead=True)
    assert now.next() == (1160, EndReason.AGENT_UNAVAILABLE)


def test_a_caller_who_left_has_the_grace_within_the_longest_duration() -> None:
    now = Situation()
    now.agent_ready()
    now.joined(1050)
    now.left(1100)
    assert now.next() == (1130, EndReason.CALLER_LEFT)
    assert now.next(checked_at=1130) == (1160, EndReason.CALLER_LEFT)
    late = Situation()
    late.agent_ready()
    late.joined(1050)
    late.left(1645)
    assert late.next() == (1650, EndReason.MAX_DURATION)


def test_silence_is_counted_from_the_last_activity_while_both_are_there() -> None:
    chatty = LIMITS.model_copy(update={"idle_seconds": 50})
    now = Situation()
    now.agent_ready()
    assert now.next(limits=chatty) == (1120, EndReason.NO_SHOW)
    now.joined(1050)
    assert now.next(limits=chatty) == (1100, EndReason.IDLE)
    assert now.next(limits=chatty, active_at=1080) == (1130, EndReason.IDLE)
    assert now.next(limits=LIMITS, active_at=1080) == (1650, EndReason.MAX_DURATION)
    now.agents.exited(1, 1100, counts=True, is_dead=True)
    assert now.next(limits=chatty, active_at=1080) == (1160, EndReason.AGENT_UNAVAILABLE)
    now.agents.launch(START)
    now.agent_ready()
    now.left(1110)
    assert now.next(limits=chatty, active_at=1080) == (1140, EndReason.CALLER_LEFT)


def test_a_silence_and_a_launch_are_put_off_without_another_timer() -> None:
    idle, later = Deadline(1100, EndReason.IDLE), Deadline(1130, EndReason.IDLE)
    assert idle.stands_until(later)
    assert not later.stands_until(idle)
    assert not idle.stands_until(Deadline(1130, EndReason.CALLER_LEFT))
    assert not Deadline(1100, EndReason.NO_SHOW).stands_until(Deadline(1130, EndReason.NO_SHOW))
    launch = Deadline(1013, EndReason.AGENT_UNAVAILABLE)
    assert launch.stands_until(Deadline(1060, EndReason.AGENT_UNAVAILABLE))


def test_two_reasons_rest_on_absence() -> None:
    assert {reason for reason in EndReason if Deadline(0, reason).rests_on_absence} == {
        EndReason.NO_SHOW,
        EndReason.CALLER_LEFT,
    }


def test_a_wait_for_an_agent_host_has_a_bound_of_its_own() -> None:
    impatient = LIMITS.model_copy(update={"agent_wait_seconds": 10})
    now = Situation()
    assert now.next(limits=impatient) == (1013, EndReason.AGENT_UNAVAILABLE)
    assert now.next(limits=LIMITS.model_copy(update={"agent_wait_seconds": 59})) == now.next()
    now.agents.claim(ClaimRequest(generation=1, identity="agent_1_a"))
    assert now.next(limits=impatient) == (1060, EndReason.AGENT_UNAVAILABLE)
    now.agents.exited(1, 1005, counts=True, is_dead=True)
    now.agents.launch(1005)
    assert now.next(limits=impatient) == (1060, EndReason.AGENT_UNAVAILABLE)
