"""Ids, identities and limits."""

from __future__ import annotations

import pytest

from contracts import SessionLimits, Ticket
from identities import agent_generation, agent_identity, caller_identity, is_session_id, new_session_id


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
def test_what_is_no_session_id(text: str) -> None:
    assert not is_session_id(text)


@pytest.mark.parametrize("name", ["ann", "agent_1_AJ_x", "", "agent", "_agent_1_x", "user_agent_1_x", "\nagent_1_x"])
def test_no_user_name_makes_an_agent_of_its_caller(name: str) -> None:
    assert agent_generation(caller_identity(name)) is None
    assert not caller_identity(name).startswith("agent_")


def test_an_agents_identity_tells_its_generation() -> None:
    assert agent_generation(agent_identity(12, "AJ_x")) == 12
    assert agent_identity(1, "AJ_x") != agent_identity(1, "AJ_y")


def test_the_room_outlives_the_sessions_own_timers() -> None:
    limits = SessionLimits(no_show_seconds=0.5, reconnect_grace_seconds=30.2)
    assert limits.room_timeouts.empty_seconds == 61
    assert limits.room_timeouts.departure_seconds == 91


def test_a_token_is_not_shown() -> None:
    ticket = Ticket(session_id="s", room_name="s", identity="i", token="secret", server_url="u")
    assert "secret" not in repr(ticket)
