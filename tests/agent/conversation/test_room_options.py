"""Whom an agent listens to, and what it does when they leave: what livekit-agents' defaults would decide otherwise."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from livekit import rtc
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.agents.voice.room_io import RoomOptions

from agent.conversation import conversation
from agent.conversation.conversation import Conversation
from agent.speech import SpeechParts
from agent.workflow_link.workflow_client import WorkflowClient
from settings import AgentSettings, Settings
from tests.fakes.briefings import briefing
from tests.fakes.rpc_rooms import FakeRoom


class RecordedSession:
    """Remembers how it is started."""

    started: dict[str, Any]

    def __init__(self, **_: Any) -> None:
        pass

    def on(self, *_: Any) -> None:
        pass

    async def start(self, _: Any, **options: Any) -> None:
        RecordedSession.started = options


@pytest.mark.parametrize("text_input", [False, True])
async def test_it_listens_to_its_caller_alone_and_stays_when_they_leave(
    monkeypatch: pytest.MonkeyPatch, text_input: bool
) -> None:
    monkeypatch.setattr(conversation, "AgentSession", RecordedSession)
    parts = SimpleNamespace(
        stt=None, llm=None, tts=None, vad=None, turn_detection=None, conn_options=SessionConnectOptions()
    )
    settings = Settings(agent=AgentSettings(text_input=text_input))
    await Conversation(
        briefing(caller_identity="caller_1"),
        cast("rtc.Room", FakeRoom("agent_1_AJ_a")),
        cast("SpeechParts", parts),
        cast("WorkflowClient", None),
        settings,
    ).join()
    options = RecordedSession.started["room_options"]
    assert isinstance(options, RoomOptions)
    assert options.participant_identity == "caller_1"
    assert options.text_input is text_input
    assert options.close_on_disconnect is False
    assert RecordedSession.started["session_host"] is False


def test_text_is_not_taken_unless_it_is_asked_for() -> None:
    assert AgentSettings().text_input is False
