"""Generations: who may claim one, and when losses become a crash loop."""

from __future__ import annotations

from contracts import AgentReady, AgentState, ClaimRequest, SessionRequest
from workflows.agent_watch import AgentWatch, briefing


def claim(generation: int, identity: str = "agent_1_a") -> ClaimRequest:
    return ClaimRequest(generation=generation, identity=identity)


def ready(generation: int) -> AgentReady:
    return AgentReady(generation=generation, identity="agent_1_a", at_ms=0)


def test_a_generation_belongs_to_the_first_job_that_claims_it() -> None:
    watch = AgentWatch(0, 5)
    assert watch.launch() == 1
    assert watch.may_claim(claim(1))
    watch.claim(claim(1))
    assert watch.may_claim(claim(1)), "the same job may ask again"
    assert not watch.may_claim(claim(1, "agent_1_b"))
    assert watch.launch() == 2
    assert not watch.may_claim(claim(1))
    assert not watch.may_claim(claim(3))
    assert watch.may_claim(claim(2, "agent_2_b"))


def test_only_the_current_generation_gets_ready() -> None:
    watch = AgentWatch(10, 5)
    watch.launch()
    watch.launch()
    watch.ready(ready(1))
    assert (watch.state, watch.missing_since, watch.ever_ready) == (AgentState.LAUNCHING, 10, False)
    watch.ready(ready(2))
    assert (watch.state, watch.missing_since, watch.ever_ready) == (AgentState.READY, None, True)
    watch.lost(30, counts=True)
    watch.ready(ready(2))
    assert watch.state is AgentState.LOST


def test_missing_counts_from_the_first_loss_on() -> None:
    watch = AgentWatch(0, 5)
    watch.launch()
    watch.ready(ready(1))
    watch.lost(30, counts=True)
    watch.launch()
    watch.lost(40, counts=True)
    assert watch.missing_since == 30


def test_losses_loop_only_within_a_minute() -> None:
    watch = AgentWatch(0, 3)
    for now in (0.0, 50.0, 61.0):
        watch.lost(now, counts=True)
        assert not watch.crash_looping
    watch.lost(62, counts=False)
    assert not watch.crash_looping, "a missed deadline is not a crash"
    watch.lost(62, counts=True)
    assert watch.crash_looping


def test_briefing_has_all_that_was_asked_for() -> None:
    session = SessionRequest(session_id="s", user_name="ann", voice_id="Craig", opening_line="Hi", system_prompt="Do")
    brief = briefing(session, 3, ())
    assert (brief.generation, brief.caller_identity, brief.voice_id) == (3, "user_ann", "Craig")
    assert (brief.opening_line, brief.system_prompt) == ("Hi", "Do")
