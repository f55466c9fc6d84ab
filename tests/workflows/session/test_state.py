"""What a session's next run is told of this one."""

from __future__ import annotations

from contracts.join_token import JoinToken
from contracts.limits import SessionLimits
from contracts.room import Presence
from contracts.session import SessionRequest
from contracts.turns import Turn
from workflows.session.state import Notes

NOW = 1_000.0
LIMITS = SessionLimits(idle_seconds=60)
REQUEST = SessionRequest(session_id="session_1_a", user_name="ann", limits=LIMITS)
JOIN_TOKEN = JoinToken(
    session_id="session_1_a", room_name="session_1_a", identity="ann", token="t", server_url="ws://host"
)


def test_a_silence_goes_on_in_the_next_run() -> None:
    notes = Notes(REQUEST, NOW)
    notes.agents.launch()
    joined = Presence(
        participant_sid="PA_1", identity=REQUEST.caller, kind="joined", at_ms=int(NOW * 1000) + 1000, source="webhook"
    )
    notes.see(joined, NOW + 1)
    assert notes.last_sign_at == NOW + 1
    notes.hear(Turn(generation=1, sequence=1, role="caller", text="Hello.", at_ms=0), NOW + 20)
    assert notes.last_sign_at == NOW + 20
    later = Notes(REQUEST.model_copy(update={"memory": notes.memory(JOIN_TOKEN)}), NOW + 50)
    assert later.last_sign_at == NOW + 20


def test_who_has_no_word_gives_no_sign() -> None:
    notes = Notes(REQUEST, NOW)
    notes.hear(Turn(generation=7, sequence=1, role="agent", text="Hello.", at_ms=0), NOW + 20)
    assert notes.last_sign_at == 0
