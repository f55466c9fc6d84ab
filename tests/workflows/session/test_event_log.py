"""The event log: numbers without gaps whatever comes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.schemas.session_queries import TranscriptTurn
from contracts.agent import ProviderChanged
from contracts.events import EventMemory, EventsPage, EventsRequest, SessionEvent, wire_turn
from contracts.session import SessionSummary
from contracts.statuses import EndReason, SessionStatus
from contracts.turns import Turn
from workflows.session import event_log
from workflows.session.event_log import EventLog
from workflows.session.transcript import Transcript

NOW = 1_800_000_000.1234
SUMMARY = SessionSummary(
    session_id="s",
    end_reason=EndReason.API_REQUEST,
    duration_seconds=61,
    duration_minutes=2,
    generations=2,
    workflow_completed=True,
    agent_stopped=True,
    room_deleted=True,
    errors=("late",),
)

FAILED = ProviderChanged(generation=2, part="tts", provider="inworld/m", available=False, next_up="hibari/default")


def turn(generation: int, sequence: int, text: str = "hm", *, final: bool = True) -> Turn:
    return Turn(generation=generation, sequence=sequence, role="agent", text=text, at_ms=1_000, final=final)


class Written:
    """A log, and the transcript that it refers to."""

    def __init__(self, memory: EventMemory | None = None, turns: tuple[Turn, ...] = (), newest_ready: int = 0) -> None:
        self.transcript = Transcript()
        for each in turns:
            self.transcript.note(each)
        self.log = EventLog("s", self.transcript)
        if memory is not None:
            self.log.resume(EventMemory.model_validate_json(memory.model_dump_json()), newest_ready)

    def hear(self, said: Turn) -> None:
        self.transcript.note(said)
        self.log.heard(NOW, said)

    def next_run(self, newest_ready: int = 1) -> Written:
        return Written(self.log.memory, self.transcript.turns, newest_ready)

    def page(self, after: int = 0, limit: int = 500) -> EventsPage:
        page = self.log.page(EventsRequest(after=after, limit=limit))
        assert EventsPage.model_validate_json(page.model_dump_json()) == page  # as it crosses to the API
        return page

    def told(self) -> list[tuple[Any, ...]]:
        return [(event.type, *event.data.values()) for event in self.page().events]


def test_an_event_as_it_is_told() -> None:
    written = Written()
    written.log.session(NOW, SessionStatus.STARTING, None)
    written.log.session(NOW, SessionStatus.STARTING, None)
    [event] = written.page().events
    assert event == SessionEvent(
        id=1,
        type="session.state",
        at="2027-01-15T08:00:00.123Z",
        sessionId="s",
        data={"state": "starting", "previous": None},
    )


def test_a_provider_is_told_of_under_the_names_of_the_wire() -> None:
    written = Written()
    written.log.provider(NOW, FAILED)
    written.log.provider(NOW, FAILED.model_copy(update={"available": True, "next_up": None}))
    [failed, back] = written.next_run().page().events
    assert (failed.type, failed.data) == (
        "provider.changed",
        {"part": "tts", "provider": "inworld/m", "available": False, "nextUp": "hibari/default", "generation": 2},
    )
    assert (back.data["available"], back.data["nextUp"]) == (True, None)


def test_the_end_comes_last_with_the_bill_and_whatever_was_open() -> None:
    written = Written()
    written.log.agent(NOW, 1, "launching", "the first")
    written.hear(turn(1, 1, final=False))
    written.log.session(NOW, SessionStatus.ENDED, SUMMARY)
    written.hear(turn(1, 2))
    written.log.session(NOW, SessionStatus.ENDED, SUMMARY)
    assert written.told() == [
        ("agent.state", "launching", 1, "the first"),
        ("agent.state", "stopped", 1, None),
        ("turn", 1, "agent", "hm", "1970-01-01T00:00:01.000Z", False, 1),
        ("session.ended", "api_request", 61, 2, 2, ["late"]),
    ]
    assert written.page().is_over


def test_a_turn_is_told_once_and_when_it_cannot_change_any_more() -> None:
    written = Written()
    written.log.agent_ready(NOW, 1, None)
    written.hear(turn(1, 1, "The cap", final=False))
    assert written.page().last == 1
    written.hear(turn(1, 1, "The capital"))
    written.hear(turn(1, 1, "The capital"))
    written.hear(turn(1, 2, "Well", final=False))
    assert written.page().last == 2
    written.log.agent(NOW, 1, "lost", "its job process ended")
    written.log.agent_ready(NOW, 2, None)
    assert [(each[0], each[3]) for each in written.told() if each[0] == "turn"] == [
        ("turn", "The capital"),
        ("turn", "Well"),
    ]


def test_whoever_was_succeeded_is_told_to_have_gone() -> None:
    written = Written()
    written.log.agent_ready(NOW, 1, None)
    written = written.next_run()  # where no launch of generation 1 can end
    written.log.agent(NOW, 2, "launching")
    written.log.agent_ready(NOW, 2, None)
    assert written.told()[-2:] == [
        ("agent.state", "ready", 2, None),
        ("agent.state", "stopped", 1, "generation 2 took over"),
    ]


def test_what_the_log_tells_of_a_turn_is_what_the_transcript_tells() -> None:
    said = turn(2, 7, "Hello")
    assert TranscriptTurn.of(said, 3).model_dump(mode="json") == wire_turn(said, 3)


def test_a_page_is_small_enough_for_a_payload() -> None:
    written = Written()
    for sequence in range(1, 10):
        written.hear(turn(1, sequence, "\U0001f600" * 100_000))
    first = written.page()
    assert len(first.model_dump_json().encode()) < 2_000_000
    assert (len(first.events), first.last) == (2, 9)
    assert [event.id for event in written.page(after=2).events] == [3, 4]


def test_a_run_that_kept_no_log_is_told_from_where_one_is_kept() -> None:
    written = Written(EventMemory(), (turn(1, 1), turn(1, 2)), newest_ready=1)
    written.log.session(NOW, SessionStatus.ACTIVE, None)
    written.log.agent_ready(NOW, 2, None)
    assert [each[0] for each in written.told()] == ["session.state", "agent.state", "turn", "turn"]


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
        written, newest_ready, seen = Written(), 0, 0
        for step in steps:
            match step:
                case ("turn", generation, sequence, final):
                    written.hear(turn(generation, sequence, final=final))
                case ("state", state):
                    written.log.session(NOW, state, None)
                case ("agent", generation, state):
                    written.log.agent(NOW, generation, state)
                case ("ready", generation):
                    newest_ready = max(newest_ready, generation)
                    written.log.agent_ready(NOW, generation, None)
                case ("presence", is_there):
                    written.log.presence(NOW, is_there=is_there, participant_sid="PA_1")
                case ("provider",):
                    written.log.provider(NOW, FAILED)
                case _:
                    before = written.page()
                    written = written.next_run(newest_ready)
                    assert written.page() == before
            assert written.page().last >= seen
            seen = written.page().last
        if ends:
            written.log.session(NOW, SessionStatus.ENDED, SUMMARY)
        last = written.page().last
        everything: list[SessionEvent] = []
        while page := written.page(everything[-1].id if everything else 0, limit).events:
            assert len(page) <= limit
            everything += page
        assert [event.id for event in everything] == list(range(max(1, last - kept + 1), last + 1))
        assert written.page().is_over is ends
        assert not ends or everything[-1].type == "session.ended"
        for after in range(last + 3):
            assert list(written.page(after).events) == [event for event in everything if event.id > after]
