"""Providers that fall silent in the middle of an answer: the agent then listens, and answers what is asked next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from livekit.agents import APITimeoutError
from livekit.agents.utils import http_context
from pydantic import SecretStr

from agent.speech import language_model
from agent.speech.language_model import Endpoint
from contracts.turns import Turn
from tests.fakes.roomless_call import RoomlessCall
from tests.fakes.slow_voice import TENTH, SlowTTS
from tests.fakes.speech_services import ANSWER, HEARD, SpeechServices

PATIENCE = 0.4
ASKED = Turn(generation=1, sequence=1, role="caller", text=HEARD, at_ms=1_700_000_000_000)


@pytest.fixture
async def services() -> AsyncIterator[SpeechServices]:
    async with SpeechServices() as services, http_context.open():
        yield services


async def said(call: RoomlessCall) -> Turn:
    """What the agent says, heard to its end."""
    async with asyncio.timeout(5):
        await call.speaker.complete.wait()
        call.speaker.complete.clear()
        call.speaker.finish()
        while (turn := await call.workflow.turns.get()).role != "agent":
            pass
    return turn


async def answers_the_next(call: RoomlessCall, voice: SlowTTS) -> None:
    assert call.session.agent_state == "listening"
    voice.make(TENTH, TENTH, None)
    call.session.generate_reply(user_input=HEARD)
    turn = await said(call)
    assert (turn.text.strip(), turn.interrupted) == (ANSWER, False)


async def in_a_call(services: SpeechServices, voice: SlowTTS) -> RoomlessCall:
    """Asked something, by a caller whom the agent answers first."""
    model = language_model.build(Endpoint(f"{services.url}/v1", SecretStr("a-key"), "any"))
    call = RoomlessCall(voice, model=model, seconds=PATIENCE)
    await call.join()
    await call.begin([ASKED])
    return call


async def test_a_stalled_llm_fails_and_the_next_answer_works(services: SpeechServices) -> None:
    services.stall = True
    voice = SlowTTS()
    async with await in_a_call(services, voice) as call:
        voice.make(TENTH, TENTH, None)
        error = (await asyncio.wait_for(call.errors.get(), 5)).error
        assert (error.type, error.recoverable) == ("llm_error", False)
        assert (await said(call)).text.strip() == ANSWER.split()[0]
        services.stall = False
        await answers_the_next(call, voice)


async def test_a_stalled_tts_fails_and_the_next_answer_works(services: SpeechServices) -> None:
    voice = SlowTTS()
    async with await in_a_call(services, voice) as call:
        voice.make(TENTH, TENTH)
        await asyncio.wait_for(call.speaker.sounding.wait(), 5)
        voice.make(APITimeoutError())
        error = (await asyncio.wait_for(call.errors.get(), 5)).error
        assert (error.type, error.recoverable) == ("tts_error", False)
        assert (await said(call)).interrupted
        await answers_the_next(call, voice)
