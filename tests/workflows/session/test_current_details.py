"""The text of Temporal's UI: status, bill and a bounded timeline, rendered from the session's state."""

from __future__ import annotations

import pytest

from contracts.session import SessionRequest, SessionView
from contracts.statuses import AgentState, EndReason, SessionStatus
from tests.fakes.summaries import summary as bill
from workflows.session.current_details import current_details
from workflows.session.state import SessionState


def state_with(*words: str, at: float = 0) -> SessionState:
    """A session with these lines in its timeline."""
    state = SessionState.of(SessionRequest(session_id="s", user_name="ann"), 0)
    for each in words:
        state.events.agent(at, 1, "lost", words=each)
    return state


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


def test_every_status_has_words() -> None:
    texts = {current_details(state_with(), view(status)) for status in SessionStatus}
    assert len(texts) == len(SessionStatus)


def test_the_details_of_an_ended_session() -> None:
    summary = bill(end_reason=EndReason.CALLER_LEFT, generations=2)
    ended = view(SessionStatus.ENDED, end_reason=EndReason.CALLER_LEFT, summary=summary)
    state = state_with("generation 1 was lost: its job process ended", at=1_800_000_000.9)
    state.events.agent(1_800_000_001, 2, "launching", "no words: not in the timeline")
    state.events.agent(1_800_000_001.6, 2, "ready", words="generation 2 took over after 0.7 s")
    state.run = 2
    assert current_details(state, ended).splitlines() == [
        "`ann`'s session has ended.",
        "",
        "- agent: generation 2, ready",
        "- turns: 3",
        "- run: 2, continued as new since the history grew long",
        "- end reason: caller_left",
        "- billed: 61 s = 2 min",
        "",
        "1. 08:00:00 generation 1 was lost: its job process ended",
        "3. 08:00:01 generation 2 took over after 0.7 s",
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
def test_a_name_is_not_markdown(name: str, shown: str) -> None:
    """Names come from strangers, and operators open the session in Temporal's UI."""
    named = view(SessionStatus.ACTIVE).model_copy(update={"user_name": name})
    assert current_details(state_with(), named).startswith(f"{shown}'s session is in conversation.")


def test_a_long_timeline_keeps_its_beginning_and_its_end() -> None:
    state = state_with(*(f"event {number}" for number in range(1, 1001)))
    lines = current_details(state, view(SessionStatus.ACTIVE)).splitlines()
    assert "1. 00:00:00 event 1" in lines
    assert "8. 00:00:00 event 8" in lines
    assert "… 952 entries are left out here …" in lines
    assert "961. 00:00:00 event 961" in lines
    assert lines[-1] == "1000. 00:00:00 event 1000"
    assert len(lines) < 60
