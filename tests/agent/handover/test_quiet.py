"""Quiet: the agent says nothing, and no turn is unanswered."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents import ChatMessage
from livekit.agents.voice import SpeechHandle
from livekit.agents.voice.events import AgentState

from agent.handover.quiet import Quiet
from tests.fakes.agent_session import FakeSession


@pytest.fixture
async def session() -> FakeSession:
    return FakeSession()


@pytest.fixture
async def quiet(session: FakeSession) -> Quiet:
    return Quiet(session)


async def waits(quiet: Quiet) -> asyncio.Task[None]:
    waiting = asyncio.create_task(quiet.wait_for_quiet())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.05)
    return waiting


async def test_quiet_is_immediate_when_nobody_speaks(quiet: Quiet) -> None:
    await asyncio.wait_for(quiet.wait_for_quiet(), 1)


@pytest.mark.parametrize("state", ["speaking", "thinking"])
async def test_quiet_waits_for_the_agents_utterance(session: FakeSession, quiet: Quiet, state: AgentState) -> None:
    session.agent_becomes(state)
    session.speech = SpeechHandle.create()
    waiting = await waits(quiet)
    session.agent_becomes("listening")
    session.speech = None
    await asyncio.wait_for(waiting, 1)


async def test_quiet_waits_for_the_answer_to_a_started_sentence(session: FakeSession, quiet: Quiet) -> None:
    session.caller_becomes("speaking")
    waiting = await waits(quiet)
    session.caller_becomes("listening")
    session.agent_becomes("thinking")
    session.add(ChatMessage(role="user", content=["Hello."]))
    session.agent_becomes("speaking")
    assert not waiting.done()
    session.agent_becomes("listening")
    await asyncio.wait_for(waiting, 1)


async def test_a_noise_without_a_turn_delays_quiet_briefly(
    session: FakeSession, quiet: Quiet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.handover.quiet._END_OF_TURN_SECONDS", 0.2)
    session.caller_becomes("speaking")
    session.caller_becomes("listening")
    waiting = await waits(quiet)
    await asyncio.wait_for(waiting, 1)


async def test_a_sentence_that_starts_later_does_not_delay_quiet(session: FakeSession, quiet: Quiet) -> None:
    session.agent_becomes("speaking")
    waiting = await waits(quiet)
    session.caller_becomes("speaking")
    session.agent_becomes("listening")
    await asyncio.wait_for(waiting, 1)
