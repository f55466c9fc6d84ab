"""Turn-taking: the agent pauses at speech, resumes after a cough or a hum, and stops at words."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from time import monotonic

import pytest
import pytest_asyncio
from livekit.agents import ChatContext, ChatMessage, StopResponse

from agent.conversation.turn_taking import VoiceAgent
from agent.handover.floor import Floor
from tests.fakes.briefings import briefing
from tests.fakes.dialogue import Dialogue

LONG = "Tulips are two euros. Roses are three euros."
QUESTION = "Tulips are two euros. Shall I keep some for you?"


@pytest_asyncio.fixture
async def dialogue() -> AsyncIterator[Dialogue]:
    floor = Floor()
    floor.take(0)
    async with Dialogue(VoiceAgent(briefing(), floor, ChatContext.empty())) as dialogue:
        yield dialogue


async def say(dialogue: Dialogue, text: str) -> None:
    dialogue.session.say(text)
    await asyncio.wait_for(dialogue.speaker.sounding.wait(), 5)


async def interrupt(dialogue: Dialogue) -> None:
    began = monotonic()
    dialogue.caller_begins()
    await asyncio.wait_for(dialogue.speaker.silent.wait(), 2)
    assert monotonic() - began < 0.2  # of a budget of 0.4 s with network and VAD


@pytest.mark.parametrize("noise", ["", "Mm-hm.", "Yeah, okay."])
async def test_a_noise_pauses_and_resumes_the_agent(dialogue: Dialogue, noise: str) -> None:
    await say(dialogue, LONG)
    await interrupt(dialogue)
    dialogue.caller_stops(noise)
    await asyncio.wait_for(dialogue.speaker.sounding.wait(), 3)
    dialogue.speaker.finish()
    said = await asyncio.wait_for(dialogue.messages.get(), 3)
    assert (said.role, said.text_content, said.interrupted) == ("assistant", LONG, False)
    assert dialogue.messages.empty()  # the noise is no turn


@pytest.mark.parametrize(("line", "words"), [(LONG, "What about lilies?"), (LONG, "Stop."), (QUESTION, "Yes.")])
async def test_words_interrupt_the_agent(dialogue: Dialogue, line: str, words: str) -> None:
    await say(dialogue, line)
    await interrupt(dialogue)
    dialogue.caller_stops(words)
    said = await asyncio.wait_for(dialogue.messages.get(), 3)
    assert (said.role, said.interrupted) == ("assistant", True)
    assert not dialogue.speaker.sounding.is_set()
    asked = await asyncio.wait_for(dialogue.messages.get(), 3)
    assert (asked.role, asked.text_content) == ("user", words)


async def test_an_assent_while_the_agent_listens_is_a_turn(dialogue: Dialogue) -> None:
    dialogue.caller_begins()
    dialogue.caller_stops("Yes.")
    asked = await asyncio.wait_for(dialogue.messages.get(), 3)
    assert (asked.role, asked.text_content) == ("user", "Yes.")


async def test_an_assent_before_an_answer_plays_is_a_turn_and_a_hum_is_not(dialogue: Dialogue) -> None:
    """The agent is still thinking."""
    thinks = asyncio.Event()
    dialogue.session.once("agent_state_changed", lambda _: thinks.set())
    dialogue.session.generate_reply()
    await asyncio.wait_for(thinks.wait(), 5)
    assert dialogue.session.agent_state == "thinking"
    for words in ("Mm-hm.", "Yes."):
        dialogue.caller_begins()
        dialogue.caller_stops(words)
    asked = await asyncio.wait_for(dialogue.messages.get(), 5)
    assert (asked.role, asked.text_content) == ("user", "Yes.")


async def test_repeated_assents_into_one_utterance_are_backchannels(dialogue: Dialogue) -> None:
    await say(dialogue, LONG)
    for words in ("Yeah.", "Okay."):
        await interrupt(dialogue)
        dialogue.caller_stops(words)
    await asyncio.wait_for(dialogue.speaker.sounding.wait(), 3)
    dialogue.speaker.finish()
    said = await asyncio.wait_for(dialogue.messages.get(), 3)
    assert (said.role, said.text_content, said.interrupted) == ("assistant", LONG, False)


@pytest.mark.parametrize(("stopped_at", "owned"), [(99.5, False), (102.0, True)])
async def test_a_turn_of_the_predecessor_is_ignored_however_late_it_arrives(stopped_at: float, owned: bool) -> None:
    floor = Floor()
    floor.take(last_turn_at=100.0)
    agent = VoiceAgent(briefing(generation=2), floor, ChatContext.empty())
    message = ChatMessage(role="user", content=["Twenty seven."], created_at=103.0)
    message.metrics = {"stopped_speaking_at": stopped_at}
    with contextlib.nullcontext() if owned else pytest.raises(StopResponse):
        await agent.on_user_turn_completed(ChatContext.empty(), message)
