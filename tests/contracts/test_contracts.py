"""Ids, identities and limits."""

from __future__ import annotations

import re

import pytest

from contracts.identities import (
    agent_generation,
    agent_identity,
    caller_identity,
    is_session_id,
    named_caller_identity,
    new_session_id,
    session_id_of,
)
from contracts.join_token import JoinToken
from contracts.limits import SessionLimits
from contracts.session import SessionRequest


def test_session_ids_have_their_form_and_differ() -> None:
    ids = {new_session_id(1_800_000_000) for _ in range(1000)}
    assert len(ids) == 1000
    assert all(is_session_id(each) and each.startswith("session_1800000000_") for each in ids)


def test_the_references_example_is_a_session_id() -> None:
    assert is_session_id("session_1234567890_abc123")


@pytest.mark.parametrize(
    "text",
    [
        *("", "session_", "session_1_abc123", "room", "session_1234567890_", "session_1234567890_ABC123"),
        *("session_1234567890_abc123\n", " session_1234567890_abc123", "session_1234567890_abc123/x"),
        "session_1234567890_" + "a" * 33,
    ],
)
def test_other_texts_are_no_session_ids(text: str) -> None:
    assert not is_session_id(text)


@pytest.mark.parametrize("name", ["ann", "agent_1_AJ_x", "", "agent", "_agent_1_x", "user_agent_1_x", "\nagent_1_x"])
def test_no_user_name_gives_a_caller_an_agent_s_identity(name: str) -> None:
    assert agent_generation(named_caller_identity(name)) is None
    assert not named_caller_identity(name).startswith("agent_")


def test_a_callers_identity_is_opaque_and_unique_to_the_session() -> None:
    sessions = [
        SessionRequest(session_id=each, user_name="ann", caller_identity=caller_identity(each)) for each in "ab"
    ]
    first, second = sessions
    assert re.fullmatch(r"caller_[0-9a-f]{12}", first.caller)
    assert first.caller != second.caller
    assert agent_generation(first.caller) is None
    assert first.callers == {first.caller, "user_ann"}


def test_without_an_identity_the_caller_is_named_after_the_user() -> None:
    before = SessionRequest.model_validate({"session_id": "a", "user_name": "ann"})
    assert before.caller == "user_ann"
    assert before.callers == {"user_ann"}


def test_a_session_id_from_a_digest_has_the_usual_form() -> None:
    assert is_session_id(session_id_of(b"x" * 32))
    assert session_id_of(b"x" * 32) == session_id_of(b"x" * 32) != session_id_of(b"y" * 32)


def test_an_agents_identity_has_its_generation() -> None:
    assert agent_generation(agent_identity(12, "AJ_x")) == 12
    assert agent_identity(1, "AJ_x") != agent_identity(1, "AJ_y")


def test_the_grace_is_longer_than_livekit_s_own_timeout() -> None:
    assert SessionLimits().reconnect_grace_seconds > 20


def test_the_room_outlives_the_sessions_own_timers() -> None:
    limits = SessionLimits(no_show_seconds=5, reconnect_grace_seconds=30.2, max_duration_seconds=600.5)
    # A request for another join token starts the waits anew, and LiveKit does not know of that.
    assert limits.room_timeouts.empty_seconds == limits.room_timeouts.departure_seconds == 661


def test_a_token_is_not_in_the_repr() -> None:
    join_token = JoinToken(session_id="s", room_name="s", identity="i", token="secret", server_url="u")
    assert "secret" not in repr(join_token)
