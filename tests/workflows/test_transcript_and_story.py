"""Turns once and in order; and what Temporal's UI tells of a session."""

from __future__ import annotations

import itertools

from contracts import AgentState, EndReason, SessionState, SessionSummary, SessionView, Turn
from workflows.story import tell
from workflows.transcript import Transcript


def turn(generation: int, sequence: int, text: str = "") -> Turn:
    return Turn(generation=generation, sequence=sequence, role="agent", text=text, at_ms=0)


def test_turns_count_once_and_stand_in_order_however_they_arrive() -> None:
    said = [turn(1, 1), turn(1, 2), turn(1, 10), turn(2, 1)]
    for order in itertools.permutations(said):
        transcript = Transcript()
        for each in (*order, *order):
            transcript.note(each)
        assert transcript.turns == tuple(said)
        assert len(transcript) == 4


def test_the_first_report_of_a_turn_stands() -> None:
    transcript = Transcript()
    transcript.note(turn(1, 1, "first"))
    transcript.note(turn(1, 1, "other"))
    assert [each.text for each in transcript.turns] == ["first"]


def view(state: SessionState, **more: object) -> SessionView:
    return SessionView.model_validate(
        {
            "session_id": "s",
            "user_name": "ann",
            "state": state,
            "agent_state": AgentState.READY,
            "generation": 2,
            "turns": 3,
            **more,
        }
    )


def test_every_state_can_be_told() -> None:
    stories = {tell(view(state), []) for state in SessionState}
    assert len(stories) == len(SessionState)


def test_the_story_of_an_ended_session() -> None:
    summary = SessionSummary(
        session_id="s",
        end_reason=EndReason.CALLER_LEFT,
        duration_seconds=61,
        duration_minutes=2,
        generations=2,
        workflow_completed=True,
        agent_stopped=True,
        room_deleted=True,
    )
    ended = view(SessionState.ENDED, end_reason=EndReason.CALLER_LEFT, summary=summary)
    assert tell(ended, ["generation 1 was lost: killed"]).splitlines() == [
        "**ann**'s session has ended.",
        "",
        "- agent: generation 2, ready",
        "- turns: 3",
        "- generation 1 was lost: killed",
        "- end reason: caller_left",
        "- billed: 61 s = 2 min",
    ]
