"""Generations: which job may claim one, which one serves, and when failures become a crash loop."""

from __future__ import annotations

from contracts.agent import AgentReady, ClaimRequest
from contracts.agent_options import AgentOptions
from contracts.limits import SessionLimits
from contracts.session import SessionRequest
from contracts.statuses import AgentState
from contracts.turns import Turn
from workflows.session.generations import MAX_RECORDS, Generation, Generations, briefing

NOW = 5.0


def claim(generation: int, identity: str = "agent_1_a") -> ClaimRequest:
    return ClaimRequest(generation=generation, identity=identity)


def ready(generation: int) -> AgentReady:
    return AgentReady(generation=generation, identity="agent_1_a", at_ms=0)


def turn(generation: int) -> Turn:
    return Turn(generation=generation, sequence=1, role="agent", text="", at_ms=0)


def die(agents: Generations, now: float, *, counts: bool = True) -> None:
    """The newest generation dies."""
    agents.exited(agents.launched, now, counts=counts, is_dead=True)


def number(generation: Generation | None) -> int | None:
    return None if generation is None else generation.number


def test_a_generation_belongs_to_the_first_job_that_claims_it() -> None:
    agents = Generations(missing_since=0)
    assert agents.launch(0) == 1
    assert agents.may_claim(claim(1))
    agents.claim(claim(1))
    assert agents.may_claim(claim(1)), "the same job may ask again"
    assert not agents.may_claim(claim(1, "agent_1_b"))
    die(agents, 1)
    assert not agents.may_claim(claim(1)), "a dead one comes too late"
    assert agents.launch(0) == 2
    assert not agents.may_claim(claim(1))
    assert not agents.may_claim(claim(3))
    assert agents.may_claim(claim(2, "agent_2_b"))


def test_only_the_coming_generation_gets_ready() -> None:
    agents = Generations(missing_since=10)
    agents.launch(0)
    die(agents, 11)
    agents.launch(0)
    assert not agents.ready(ready(1), NOW)
    assert (agents.state, agents.missing_since, agents.newest_ready) == (AgentState.QUEUED, 10, 0)
    assert agents.ready(ready(2), NOW)
    assert (agents.state, agents.missing_since, agents.newest_ready) == (AgentState.READY, None, 2)
    assert not agents.ready(ready(2), NOW), "a repeated report is ignored"
    die(agents, 30)
    assert not agents.ready(ready(2), NOW)
    assert agents.state is AgentState.LOST


def test_missing_counts_from_the_first_failure_on() -> None:
    agents = Generations(missing_since=0)
    agents.launch(0)
    agents.ready(ready(1), NOW)
    die(agents, 30)
    agents.launch(0)
    die(agents, 40)
    assert agents.missing_since == 30


def test_failures_make_a_crash_loop_only_within_a_minute() -> None:
    agents = Generations(missing_since=0)
    for now in (0.0, 50.0, 61.0):
        agents.launch(0)
        die(agents, now)
        assert not agents.is_crash_loop(3)
    agents.launch(0)
    die(agents, 62, counts=False)
    assert not agents.is_crash_loop(3), "a missed deadline is not a crash"
    agents.launch(0)
    die(agents, 62)
    assert agents.is_crash_loop(3)


def serving() -> Generations:
    """Generation 1 serves."""
    agents = Generations(missing_since=0)
    agents.launch(0)
    agents.ready(ready(1), NOW)
    return agents


def test_a_drained_generation_serves_until_its_successor_is_ready() -> None:
    agents = serving()
    agents.drain(1)
    agents.launch(0)
    assert (number(agents.serving), number(agents.coming), agents.needs_another, agents.is_calm) == (
        1,
        2,
        False,
        False,
    )
    assert (agents.state, agents.missing_since) == (AgentState.READY, None)
    agents.ready(ready(2), NOW)
    assert (number(agents.serving), number(agents.leaving), agents.needs_another, agents.is_calm) == (
        2,
        1,
        False,
        False,
    )
    agents.exited(1, 50, counts=True, is_dead=True)
    assert (number(agents.serving), number(agents.leaving), agents.missing_since, agents.is_calm) == (
        2,
        None,
        None,
        True,
    )
    assert not agents.is_crash_loop(1), "a replaced agent's exit is no failure"


def test_a_drain_counts_once_and_only_for_an_active_generation() -> None:
    agents = serving()
    assert agents.drain(1)
    assert not agents.drain(1)
    assert not agents.drain(0)
    assert not agents.drain(7)
    agents.launch(0)
    assert agents.drain(2), "the newcomer's server may stop as well"
    agents.ready(ready(2), NOW)
    assert not agents.drain(1)
    assert not agents.needs_another, "first the one before must have gone"
    agents.exited(1, 50, counts=False, is_dead=False)
    assert agents.needs_another


def test_a_newcomer_that_fails_beside_a_serving_agent_counts_for_nothing() -> None:
    agents = serving()
    agents.drain(1)
    agents.launch(0)
    die(agents, 50)
    assert (agents.missing_since, agents.is_crash_loop(1), agents.state) == (None, False, AgentState.READY)
    assert agents.needs_another


def test_the_serving_agent_may_fail_while_another_is_launching() -> None:
    agents = serving()
    agents.drain(1)
    agents.launch(0)
    agents.exited(1, 50, counts=False, is_dead=False)
    assert (agents.missing_since, agents.state, agents.needs_another) == (50, AgentState.QUEUED, False)
    agents.ready(ready(2), NOW)
    assert (number(agents.serving), number(agents.leaving)) == (2, None)


def test_turns_are_taken_until_a_newer_generation_is_ready() -> None:
    agents = serving()
    agents.drain(1)
    agents.launch(0)
    assert [agents.may_report(turn(each)) for each in (0, 1, 2, 3)] == [False, True, True, False]
    agents.ready(ready(2), NOW)
    assert [agents.may_report(turn(each)) for each in (0, 1, 2, 3)] == [False, False, True, False]


def test_a_predecessor_may_live_until_it_is_proven_dead_or_succeeded() -> None:
    agents = Generations(missing_since=0)
    may_live = [agents.predecessor_may_live]
    agents.launch(0)
    agents.ready(ready(1), NOW)
    agents.exited(1, 1, counts=True, is_dead=False)
    may_live.append(agents.predecessor_may_live)
    agents.launch(0)
    die(agents, 2)  # this one is dead, but the first may wake up
    may_live.append(agents.predecessor_may_live)
    agents.launch(0)
    agents.ready(ready(3), NOW)  # it has removed what there was,
    die(agents, 3)  # and is dead
    may_live.append(agents.predecessor_may_live)
    assert may_live == [False, True, True, False]


def test_a_newcomer_knows_if_its_predecessor_serves() -> None:
    agents = serving()
    assert agents.predecessor_lives
    agents.drain(1)
    agents.launch(0)
    assert agents.predecessor_lives
    agents.exited(1, 20, counts=True, is_dead=False)
    assert not agents.predecessor_lives


def test_a_briefing_has_the_options_and_limits_of_the_session() -> None:
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


def test_a_serving_generation_serves_on_in_the_next_run() -> None:
    agents = serving()
    agents = Generations.model_validate_json(agents.model_dump_json())
    assert agents.predecessor_lives
    assert not agents.needs_another
    assert agents.may_report(turn(1)), "it talks on"


def test_generations_that_may_live_are_bounded() -> None:
    agents = Generations(missing_since=0)
    for _ in range(3 * MAX_RECORDS):
        agents.launch(0)
        agents.exited(agents.launched, NOW, counts=False, is_dead=False)
        assert agents.predecessor_may_live
    assert len(agents.records) == MAX_RECORDS
    assert agents.launched == 3 * MAX_RECORDS
