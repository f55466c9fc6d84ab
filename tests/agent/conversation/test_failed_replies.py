"""Replies that cannot be spoken: the agent apologizes and the next answer works."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import SecretStr

from agent.conversation.instructions import NO_ANSWER
from agent.speech import language_model
from agent.speech.language_model import Endpoint
from tests.agent.conversation.test_stalls import ASKED, assert_next_answer_works, spoken_turn
from tests.fakes.roomless_call import RoomlessCall
from tests.fakes.slow_voice import TENTH, SlowTTS
from tests.fakes.speech_services import Delta, SpeechServices


@pytest.mark.parametrize(
    "reply",
    [(({"content": " "}, None), ({"content": "\n"}, "stop")), (({}, "content_filter"),)],
    ids=["white space", "a content filter"],
)
async def test_a_reply_without_words_is_apologized_for(services: SpeechServices, reply: tuple[Delta, ...]) -> None:
    services.reply = reply
    voice = SlowTTS()
    model = language_model.build(Endpoint(f"{services.url}/v1", SecretStr("a-key"), "any"))
    call = RoomlessCall(voice, model=model)
    await call.join()
    async with call:
        await call.begin([ASKED])
        error = (await asyncio.wait_for(call.errors.get(), 5)).error
        assert (error.type, error.recoverable) == ("llm_error", False)
        voice.make(TENTH, None, TENTH, None)  # two sentences
        assert (await spoken_turn(call)).text == NO_ANSWER
        services.reply = ()
        await assert_next_answer_works(call, voice)
