"""The options of the LiveKit session where livekit-agents' defaults would not fit."""

from __future__ import annotations

import pytest
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.room_io import RoomOptions

from agent.conversation.conversation import Conversation
from settings import AgentSettings, Settings
from tests.fakes.briefings import briefing
from tests.fakes.dialogue import FakeTTS, fake_parts
from tests.fakes.host_link import FakeHostLink
from tests.fakes.rpc_rooms import FakeRoom


@pytest.mark.parametrize("text_input", [False, True])
async def test_the_agent_listens_to_its_caller_alone_and_stays_when_they_leave(
    monkeypatch: pytest.MonkeyPatch, text_input: bool
) -> None:
    started: dict[str, object] = {}

    async def start(_: AgentSession[None], agent: Agent, **options: object) -> None:
        started.update(options)

    monkeypatch.setattr(AgentSession, "start", start)
    settings = Settings(agent=AgentSettings(text_input=text_input))
    await Conversation(
        briefing(caller_identity="caller_1"),
        FakeRoom("agent_1_AJ_a"),
        fake_parts(FakeTTS()),
        FakeHostLink(),
        settings,
    ).join()
    options = started["room_options"]
    assert isinstance(options, RoomOptions)
    assert options.participant_identity == "caller_1"
    assert options.text_input is text_input
    assert options.close_on_disconnect is False
    assert started["session_host"] is False


def test_text_input_is_off_by_default() -> None:
    assert AgentSettings().text_input is False
