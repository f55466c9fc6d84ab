"""Generations: who may claim one, and when losses become a crash loop."""

from __future__ import annotations

from contracts.agent import AgentReady, ClaimRequest
from contracts.agent_options import AgentOptions
from contracts.limits import SessionLimits
from contracts.session import SessionRequest
from contracts.statuses import AgentState
from contracts.turns import Turn
from workflows.session.generations import AgentWatch, briefing


def claim(generation: int, identity: str = "agent_1_a") -> ClaimRequest:
    return ClaimRequest(generation=generation, identity=identity)


def ready(generation: int) -> AgentReady:
    return AgentReady(generation=generation, identity="agent_1_a", at_ms=0)


def turn(generation: int) -> Turn:
    return Turn(generation=generation, sequence=1, role="agent", text="", at_ms=0)


def lose(watch: AgentWatch, now: float, *, counts: bool = True) -> None:
    """The newest generation is gone."""
    watch.gone(watch.generation, now, counts=counts, is_dead=True)


def test_a_generation_belongs_to_the_first_job_that_claims_it() -> None:
    watch = AgentWatch(0, 5)
    assert watch.launch() == 1
    assert watch.may_claim(claim(1))
    watch.claim(claim(1))
    assert watch.may_claim(claim(1)), "the same job may ask again"
    assert not watch.may_claim(claim(1, "agent_1_b"))
    lose(watch, 1)
    assert not watch.may_claim(claim(1)), "a lost one comes too late"
    assert watch.launch() == 2
    assert not watch.may_claim(claim(1))
    assert not watch.may_claim(claim(3))
    assert watch.may_claim(claim(2, "agent_2_b"))


def test_only_the_coming_generation_gets_ready() -> None:
    watch = AgentWatch(10, 5)
    watch.launch()
    lose(watch, 11)
    watch.launch()
    assert not watch.ready(ready(1))
    assert (watch.state, watch.missing_since, watch.ever_ready) == (AgentState.LAUNCHING, 10, False)
    assert watch.ready(ready(2))
    assert (watch.state, watch.missing_since, watch.ever_ready) == (AgentState.READY, None, True)
    assert not watch.ready(ready(2)), "a repeated report is no news"
    lose(watch, 30)
    assert not watch.ready(ready(2))
    assert watch.state is AgentState.LOST


def test_missing_counts_from_the_first_loss_on() -> None:
    watch = AgentWatch(0, 5)
    watch.launch()
    watch.ready(ready(1))
    lose(watch, 30)
    watch.launch()
    lose(watch, 40)
    assert watch.missing_since == 30


def test_losses_loop_only_within_a_minute() -> None:
    watch = AgentWatch(0, 3)
    for now in (0.0, 50.0, 61.0):
        watch.launch()
        lose(watch, now)
        assert not watch.crash_looping
    watch.launch()
    lose(watch, 62, counts=False)
    assert not watch.crash_looping, "a missed deadline is not a crash"
    watch.launch()
    lose(watch, 62)
    assert watch.crash_looping


def serving() -> AgentWatch:
    """Generation 1 serves."""
    watch = AgentWatch(0, 1)
    watch.launch()
    watch.ready(ready(1))
    return watch


def test_a_drained_generation_serves_until_its_successor_is_ready() -> None:
    watch = serving()
    watch.drain(1)
    watch.launch()
    assert (watch.serving, watch.coming, watch.needs_another, watch.is_calm) == (1, 2, False, False)
    assert (watch.state, watch.missing_since) == (AgentState.READY, None)
    watch.ready(ready(2))
    assert (watch.serving, watch.leaving, watch.needs_another, watch.is_calm) == (2, 1, False, False)
    watch.gone(1, 50, counts=True, is_dead=True)
    assert (watch.serving, watch.leaving, watch.missing_since, watch.is_calm) == (2, None, None, True)
    assert not watch.crash_looping, "who has been succeeded is no loss"


def test_a_drain_is_heard_once_and_of_those_only_who_are_there() -> None:
    watch = serving()
    assert watch.drain(1)
    assert not watch.drain(1)
    assert not watch.drain(0)
    assert not watch.drain(7)
    watch.launch()
    assert watch.drain(2), "the newcomer's server may stop as well"
    watch.ready(ready(2))
    assert not watch.drain(1)
    assert not watch.needs_another, "first the one before must have gone"
    watch.gone(1, 50, counts=False, is_dead=False)
    assert watch.needs_another


def test_a_newcomer_that_fails_beside_a_serving_agent_is_no_loss() -> None:
    watch = serving()
    watch.drain(1)
    watch.launch()
    lose(watch, 50)
    assert (watch.missing_since, watch.crash_looping, watch.state) == (None, False, AgentState.READY)
    assert watch.needs_another


def test_who_serves_may_be_lost_while_another_is_coming() -> None:
    watch = serving()
    watch.drain(1)
    watch.launch()
    watch.gone(1, 50, counts=False, is_dead=False)
    assert (watch.missing_since, watch.state, watch.needs_another) == (50, AgentState.LAUNCHING, False)
    watch.ready(ready(2))
    assert (watch.serving, watch.leaving) == (2, None)


def test_turns_are_taken_until_a_newer_generation_is_ready() -> None:
    watch = serving()
    watch.drain(1)
    watch.launch()
    assert [watch.may_report(turn(each)) for each in (0, 1, 2, 3)] == [False, True, True, False]
    watch.ready(ready(2))
    assert [watch.may_report(turn(each)) for each in (0, 1, 2, 3)] == [False, False, True, False]


def test_a_predecessor_may_live_until_it_is_proven_dead_or_succeeded() -> None:
    watch = AgentWatch(0, 9)
    may_live = [watch.predecessor_may_live]
    watch.launch()
    watch.ready(ready(1))
    watch.gone(1, 1, counts=True, is_dead=False)
    may_live.append(watch.predecessor_may_live)
    watch.launch()
    lose(watch, 2)  # this one is dead, but the first may wake up
    may_live.append(watch.predecessor_may_live)
    watch.launch()
    watch.ready(ready(3))  # it has removed what there was,
    lose(watch, 3)  # and is dead
    may_live.append(watch.predecessor_may_live)
    assert may_live == [False, True, True, False]


def test_a_newcomer_knows_whether_it_follows_one_that_serves() -> None:
    watch = serving()
    assert watch.predecessor_lives
    watch.drain(1)
    watch.launch()
    assert watch.predecessor_lives
    watch.gone(1, 20, counts=True, is_dead=False)
    assert not watch.predecessor_lives


def test_briefing_has_all_that_was_asked_for() -> None:
    session = SessionRequest(
        session_id="s",
        user_name="ann",
        options=AgentOptions(voice_id="Craig", opening_line="Hi", system_prompt="Do"),
        limits=SessionLimits(agent_heartbeat_timeout_seconds=3, agent_alone_seconds=77, silence_seconds=9),
    )
    brief = briefing(session, 3, (), predecessor_lives=True)
    assert (brief.generation, brief.caller_identity, brief.options) == (3, "user_ann", session.options)
    assert (brief.heartbeat_timeout_seconds, brief.alone_seconds, brief.silence_seconds) == (3, 77, 9)
    assert brief.predecessor_lives
