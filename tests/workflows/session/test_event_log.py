"""The event log: numbers without gaps, whatever is added and however often the session continues as new."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.schemas.session_queries import TranscriptTurn
from contracts.agent import ProviderChanged
from contracts.events import EventsPage, EventsRequest, SessionEvent, wire_turn
from contracts.session import SessionRequest
from contracts.statuses import EndReason, SessionStatus
from contracts.turns import Turn
from tests.fakes.summaries import summary
from workflows.session import event_log
from workflows.session.state import SessionState

NOW = 1_800_000_000.1234
REQUEST = SessionRequest(session_id="s", user_name="ann")
SUMMARY = summary(generations=2, errors=("late",))

FAILED = ProviderChanged(generation=2, part="tts", provider="inworld/m", available=False, next_up="hibari/default")


def turn(generation: int, sequence: int, text: str = "hm", *, final: bool = True) -> Turn:
    return Turn(generation=generation, sequence=sequence, role="agent", text=text, at_ms=1_000, final=final)


class Session:
    """A session's log and the transcript that it refers to."""

    def __init__(self, state: SessionState | None = None) -> None:
        self.state = state or SessionState.of(REQUEST, NOW)
        self.log = self.state.events

    def hear(self, said: Turn) -> None:
        entry = self.state.transcript.note(said)
        assert entry is not None
        if said.final:
            self.log.turn(NOW, entry)

    def next_run(self) -> Session:
        return Session(SessionState.model_validate_json(self.state.model_dump_json()))

    def page(self, after: int = 0, limit: int = 500) -> EventsPage:
        page = self.state.log(REQUEST).page(EventsRequest(after=after, limit=limit))
        assert EventsPage.model_validate_json(page.model_dump_json()) == page  # as it crosses to the API
        return page

    def logged(self) -> list[tuple[Any, ...]]:
        return [(event.type, *event.data.values()) for event in self.page().events]


def test_an_event_on_the_wire() -> None:
    session = Session()
    session.log.session(NOW, SessionStatus.STARTING)
    session.log.session(NOW, SessionStatus.STARTING)
    [event] = session.page().events
    assert event == SessionEvent(
        id=1,
        type="session.state",
        at="2027-01-15T08:00:00.123Z",
        sessionId="s",
        data={"state": "starting", "previous": None},
    )


def test_a_provider_s_change_has_the_names_of_the_wire() -> None:
    session = Session()
    session.log.provider(NOW, FAILED, "failed")
    session.log.provider(NOW, FAILED.model_copy(update={"available": True, "next_up": None}), "is back")
    [failed, back] = session.next_run().page().events
    assert (failed.type, failed.data) == (
        "provider.changed",
        {"part": "tts", "provider": "inworld/m", "available": False, "nextUp": "hibari/default", "generation": 2},
    )
    assert (back.data["available"], back.data["nextUp"]) == (True, None)


def test_the_end_comes_last_with_the_bill() -> None:
    session = Session()
    session.state.agents.launch(NOW)
    session.log.agent(NOW, 1, "launching", "the first")
    session.hear(turn(1, 1, final=False))
    session.state.decide_end(EndReason.API_REQUEST, NOW)
    session.state.end.summary = SUMMARY
    assert session.state.publish_status(NOW)
    session.hear(turn(1, 2))
    assert not session.state.publish_status(NOW)
    assert session.logged() == [
        ("agent.state", "launching", 1, "the first"),
        ("agent.state", "stopped", 1, None),
        ("turn", 1, "agent", "hm", "1970-01-01T00:00:01.000Z", False, 1),
        ("session.ended", "api_request", 61, 2, 2, ["late"]),
    ]
    assert session.page().is_over


def test_a_turn_is_published_once_and_when_it_cannot_change_any_more() -> None:
    session = Session()
    session.hear(turn(1, 1, "The cap", final=False))
    assert session.page().last == 0
    session.hear(turn(1, 1, "The capital"))
    session.hear(turn(1, 1, "The capital"))
    session.hear(turn(1, 2, "Well", final=False))
    assert session.page().last == 1
    session.log.turns(NOW, session.state.transcript, before=2)
    assert [(each[0], each[3]) for each in session.logged()] == [("turn", "The capital"), ("turn", "Well")]


def test_a_turn_s_event_is_its_entry_in_the_transcript() -> None:
    said = turn(2, 7, "Hello")
    assert TranscriptTurn.of(said, 3).model_dump(mode="json") == wire_turn(said, 3)


def test_the_log_of_a_worker_has_steps_without_words_that_were_said() -> None:
    session = Session()
    session.log.session(NOW, SessionStatus.STARTING)
    session.hear(turn(1, 1, "a secret"))
    session.log.agent(NOW, 1, "lost", "its job process ended")
    assert [event.step for event in session.log.since(0)] == [
        "session.state state=starting",
        "agent.state state=lost generation=1 reason=its job process ended",
    ]
    assert [event.step for event in session.log.since(2)] == [session.log.since(0)[1].step]
    assert session.log.since(3) == []


steps = st.lists(
    st.one_of(
        st.tuples(st.just("turn"), st.integers(1, 3), st.integers(1, 9), st.booleans()),
        st.tuples(st.just("state"), st.sampled_from([*SessionStatus][:5])),
        st.tuples(st.just("agent"), st.integers(1, 3), st.sampled_from(["launching", "lost", "draining"])),
        st.tuples(st.just("ready"), st.integers(1, 3)),
        st.tuples(st.just("presence"), st.booleans()),
        st.tuples(st.just("provider")),
        st.tuples(st.just("next run")),
    ),
    max_size=60,
)


@given(steps=steps, kept=st.integers(1, 80), limit=st.integers(1, 50), ends=st.booleans())
def test_no_gap_and_from_any_point_the_rest(steps: list[tuple[Any, ...]], kept: int, limit: int, ends: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_log, "KEPT", kept)
        session, seen = Session(), 0
        for step in steps:
            match step:
                case ("turn", generation, sequence, final):
                    session.hear(turn(generation, sequence, final=final))
                case ("state", state):
                    session.log.session(NOW, state)
                case ("agent", generation, state):
                    session.log.agent(NOW, generation, state)
                case ("ready", generation):
                    session.log.agent(NOW, generation, "ready")
                    session.log.turns(NOW, session.state.transcript, before=generation)
                case ("presence", is_there):
                    session.log.presence(NOW, is_there=is_there, participant_sid="PA_1", words="moved")
                case ("provider",):
                    session.log.provider(NOW, FAILED, "failed")
                case _:
                    before = session.page()
                    session = session.next_run()
                    assert session.page() == before
            assert session.page().last >= seen
            seen = session.page().last
        if ends:
            session.log.ended(NOW, SUMMARY)
        last = session.page().last
        everything: list[SessionEvent] = []
        while page := session.page(everything[-1].id if everything else 0, limit).events:
            assert len(page) <= limit
            everything += page
        assert [event.id for event in everything] == list(range(max(1, last - kept + 1), last + 1))
        assert session.page().is_over is ends
        assert not ends or everything[-1].type == "session.ended"
        for after in range(last + 3):
            assert list(session.page(after).events) == [event for event in everything if event.id > after]
