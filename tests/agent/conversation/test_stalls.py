"""Providers that stall during an answer: the agent listens, and the next answer works."""

from __future__ import annotations

import asyncio

from livekit.agents import APITimeoutError
from pydantic import SecretStr

from agent.speech import language_model
from agent.speech.language_model import Endpoint
from contracts.turns import Turn
from tests.fakes.roomless_call import RoomlessCall
from tests.fakes.slow_voice import TENTH, SlowTTS
from tests.fakes.speech_services import ANSWER, HEARD, SpeechServices

SECONDS = 0.4
ASKED = Turn(generation=1, sequence=1, role="caller", text=HEARD, at_ms=1_700_000_000_000)


async def spoken_turn(call: RoomlessCall) -> Turn:
    """Play the agent's utterance to its end and return its turn."""
    async with asyncio.timeout(5):
        await call.speaker.complete.wait()
        call.speaker.complete.clear()
        call.speaker.finish()
        while (turn := await call.host.turns.get()).role != "agent":
            pass
    return turn


async def assert_next_answer_works(call: RoomlessCall, voice: SlowTTS) -> None:
    assert call.session.agent_state == "listening"
    voice.make(TENTH, TENTH, None)
    call.session.generate_reply(user_input=HEARD)
    turn = await spoken_turn(call)
    assert (turn.text.strip(), turn.interrupted) == (ANSWER, False)


async def start_call(services: SpeechServices, voice: SlowTTS) -> RoomlessCall:
    """Start a call with an open question."""
    model = language_model.build(Endpoint(f"{services.url}/v1", SecretStr("a-key"), "any"))
    call = RoomlessCall(voice, model=model, seconds=SECONDS)
    await call.join()
    await call.begin([ASKED])
    return call


async def test_a_stalled_llm_fails_and_the_next_answer_works(services: SpeechServices) -> None:
    services.stall = True
    voice = SlowTTS()
    async with await start_call(services, voice) as call:
        voice.make(TENTH, TENTH, None)
        error = (await asyncio.wait_for(call.errors.get(), 5)).error
        assert (error.type, error.recoverable) == ("llm_error", False)
        assert (await spoken_turn(call)).text.strip() == ANSWER.split()[0]
        services.stall = False
        await assert_next_answer_works(call, voice)


async def test_a_stalled_tts_fails_and_the_next_answer_works(services: SpeechServices) -> None:
    voice = SlowTTS()
    async with await start_call(services, voice) as call:
        voice.make(TENTH, TENTH)
        await asyncio.wait_for(call.speaker.sounding.wait(), 5)
        voice.make(APITimeoutError())
        error = (await asyncio.wait_for(call.errors.get(), 5)).error
        assert (error.type, error.recoverable) == ("tts_error", False)
        assert (await spoken_turn(call)).interrupted
        await assert_next_answer_works(call, voice)
