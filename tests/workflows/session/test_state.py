"""A session's state: what it takes in, and that continue-as-new hands all of it on."""

from __future__ import annotations

from typing import Literal

from contracts.agent import AgentReady
from contracts.join_token import JoinToken
from contracts.room import Presence
from contracts.session import SessionRequest
from contracts.statuses import EndReason, SessionStatus
from contracts.turns import Turn
from tests.fakes.bills import bill_of
from workflows.session.caller_presence import MAX_CONNECTIONS
from workflows.session.state import SessionState

NOW = 1_000.0
REQUEST = SessionRequest(session_id="session_1_a", user_name="ann")
JOIN_TOKEN = JoinToken(
    session_id="session_1_a", room_name="session_1_a", identity="ann", token="t", server_url="ws://host"
)


def presence(kind: Literal["joined", "left"], sid: str, at: float) -> Presence:
    at_ms = int(at * 1000)
    return Presence(participant_sid=sid, identity=REQUEST.caller, kind=kind, at_ms=at_ms, source="webhook")


def turn(generation: int, sequence: int, *, final: bool = True) -> Turn:
    return Turn(generation=generation, sequence=sequence, role="agent", text="Hello.", at_ms=0, final=final)


def in_conversation() -> SessionState:
    state = SessionState.of(REQUEST, NOW)
    state.issue(JOIN_TOKEN, NOW)
    state.agents.launch(NOW)
    state.agents.ready(AgentReady(generation=1, identity="agent_1_a", at_ms=0), NOW)
    state.see(presence("joined", "PA_1", NOW + 1), NOW + 1)
    state.publish_status(NOW + 1)
    return state


def test_activity_is_what_was_said_and_who_came() -> None:
    state = in_conversation()
    assert state.last_activity_at == NOW + 1
    state.hear(turn(1, 1), NOW + 20)
    assert state.last_activity_at == NOW + 20
    state.hear(turn(7, 1), NOW + 30)
    assert state.last_activity_at == NOW + 20, "an agent without the floor is ignored"


def test_the_next_run_has_the_whole_state() -> None:
    state = in_conversation()
    for sequence in range(1, 4):
        state.hear(turn(1, sequence, final=sequence < 3), NOW + sequence)
    state.see(presence("left", "PA_1", NOW + 9), NOW + 9)
    state.agents.drain(1)
    state.decide_end(EndReason.API_REQUEST, NOW + 11)
    state.settle_bill(REQUEST)
    handed_on = SessionState.model_validate_json(state.model_dump_json())
    assert handed_on == state
    assert handed_on.end.summary is not None
    assert (handed_on.status, handed_on.end.summary.duration_seconds) == (SessionStatus.ENDING, 8)
    handed_on.hear(turn(1, 2), NOW + 12)
    assert handed_on.events == state.events, "a turn that was published is not published again"


def test_a_caller_who_reconnects_in_a_loop_is_kept_in_a_bounded_state() -> None:
    state = in_conversation()
    for number in range(2, 10 * MAX_CONNECTIONS):
        state.see(presence("joined", f"PA_{number}", NOW + number), NOW + number)
        if number % 3 == 0:
            state.see(presence("left", f"PA_{number}", NOW + number + 0.5), NOW + number)
    caller = state.caller
    assert len(caller.connections) == MAX_CONNECTIONS
    assert caller.first_joined_at_ms == (NOW + 1) * 1000
    last = 10 * MAX_CONNECTIONS - 1
    assert bill_of(caller, int(NOW + last + 5) * 1000) == last + 4
    for at in range(200):
        state.see(presence("left", "", NOW + 500 + at), NOW + 900)
    assert len(caller.leaves_without_sid_at_ms) == 16
    assert not caller.present
    assert bill_of(caller, int(NOW + 900) * 1000) == 499
