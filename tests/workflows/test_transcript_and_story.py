"""Turns once and in order; and what Temporal's UI tells of a session."""

from __future__ import annotations

import itertools

import pytest

from contracts.join_token import JoinToken
from contracts.session import SessionMemory, SessionSummary, SessionView
from contracts.statuses import AgentState, EndReason, SessionStatus
from contracts.turns import Turn
from workflows.session.current_details import Story
from workflows.session.transcript import Transcript

JOIN_TOKEN = JoinToken(session_id="s", room_name="s", identity="user_ann", token="signed", server_url="ws://livekit")


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


def view(state: SessionStatus, **more: object) -> SessionView:
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
    stories = {Story().tell(view(state)) for state in SessionStatus}
    assert len(stories) == len(SessionStatus)


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
    ended = view(SessionStatus.ENDED, end_reason=EndReason.CALLER_LEFT, summary=summary)
    story = Story()
    story.add(1_800_000_000.9, "generation 1 was lost: its job process ended")
    story.add(1_800_000_001.6, "generation 2 took over after 0.7 s")
    assert story.tell(ended).splitlines() == [
        "`ann`'s session has ended.",
        "",
        "- agent: generation 2, ready",
        "- turns: 3",
        "- end reason: caller_left",
        "- billed: 61 s = 2 min",
        "",
        "1. 08:00:00 generation 1 was lost: its job process ended",
        "2. 08:00:01 generation 2 took over after 0.7 s",
    ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("ann", "`ann`"),
        (
            "[log in](https://evil.example) ![](//evil.example/pixel)",
            "`[log in](https://evil.example) ![](//evil.example/pixel)`",
        ),
        ("`[x](y)`", "`` `[x](y)` ``"),
        ("a``b`c", "``` a``b`c ```"),
    ],
)
def test_a_name_is_no_markdown(name: str, shown: str) -> None:
    """Names come from strangers, and operators open the session in Temporal's UI."""
    named = view(SessionStatus.ACTIVE).model_copy(update={"user_name": name})
    assert Story().tell(named).startswith(f"{shown}'s session is in conversation.")


def long_story(length: int) -> Story:
    story = Story()
    for number in range(1, length + 1):
        story.add(0, f"event {number}")
    return story


def test_a_long_story_keeps_its_beginning_and_its_end() -> None:
    told = long_story(1000).tell(view(SessionStatus.ACTIVE))
    lines = told.splitlines()
    assert "1. 00:00:00 event 1" in lines
    assert "8. 00:00:00 event 8" in lines
    assert "… 952 entries are left out here …" in lines
    assert "961. 00:00:00 event 961" in lines
    assert lines[-1] == "1000. 00:00:00 event 1000"
    assert len(lines) < 60


@pytest.mark.parametrize("length", [0, 3, 8, 9, 48, 49, 1000])
def test_a_story_goes_on_in_the_next_run(length: int) -> None:
    before, after = long_story(length), Story()
    memory = SessionMemory(
        started_at=0, join_token=JOIN_TOKEN, generation=1, story=before.entries, story_length=before.length
    )
    after.resume(memory)
    for story in (before, after):
        story.add(0, "the next")
    assert after.tell(view(SessionStatus.ACTIVE)) == before.tell(view(SessionStatus.ACTIVE))
