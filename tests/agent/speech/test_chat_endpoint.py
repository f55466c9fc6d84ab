"""A chat endpoint that answers unlike OpenAI's."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIError, APIStatusError, llm
from pydantic import SecretStr

from agent.speech import language_model
from agent.speech.chat_replies import NoWordsError
from tests.agent.speech.test_fallback import Changes, complete, llms
from tests.fakes.speech_services import ANSWER, HEARD, Delta, SpeechServices

NO_RETRY = APIConnectOptions(max_retry=0, timeout=2)
TOOL_CALL = {"index": 0, "id": "1", "type": "function", "function": {"name": "hang_up", "arguments": "{}"}}
WITHOUT_WORDS: dict[str, tuple[Delta, ...]] = {
    "an empty delta and stop": (({}, "stop"),),
    "empty content": (({"role": "assistant", "content": ""}, None), ({"content": None}, "stop")),
    "white space": (({"content": " "}, None), ({"content": "\n\n"}, None), ({}, "stop")),
    "punctuation": (({"content": "..."}, "stop"),),
    "an emoji": (({"content": "\ud83d"}, None), ({"content": "\udc4d"}, "stop")),
    "a content filter": (({"role": "assistant"}, "content_filter"),),
    "no delta": ((None, "content_filter"),),  # type: ignore[dict-item]  # as Azure does
    "reasoning alone": (({"reasoning_content": "Tulips, hm."}, None), ({}, "length")),
    "reasoning in tags alone": (({"content": "<think>Tulips, "}, None), ({"content": "hm."}, "length")),
    "a tool that was not offered": (({"role": "assistant", "tool_calls": [TOOL_CALL]}, None), ({}, "tool_calls")),
}
wordless = pytest.mark.parametrize("reply", WITHOUT_WORDS.values(), ids=WITHOUT_WORDS.keys())


def client(services: SpeechServices, model: str = "any") -> llm.LLM[Any]:
    return language_model.build(language_model.Endpoint(f"{services.url}/v1", SecretStr("a-key"), model))


async def reply_to(model: llm.LLM[Any], *turns: tuple[llm.ChatRole, str]) -> str:
    context = llm.ChatContext.empty()
    for role, text in turns or (("system", "Be brief."), ("user", HEARD)):
        context.add_message(role=role, content=text)
    async with model.chat(chat_ctx=context, conn_options=NO_RETRY) as stream:
        return "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])


@wordless
async def test_a_reply_without_words_is_a_failed_reply(services: SpeechServices, reply: tuple[Delta, ...]) -> None:
    services.reply = reply
    with pytest.raises(NoWordsError):
        await reply_to(client(services))


async def test_a_stream_without_chunks_is_a_failed_reply(services: SpeechServices) -> None:
    services.done_alone = True
    with pytest.raises(NoWordsError):
        await reply_to(client(services))


@wordless
async def test_the_fallback_is_asked_after_a_reply_without_words(
    services: SpeechServices, reply: tuple[Delta, ...]
) -> None:
    services.reply = reply
    async with SpeechServices() as second:
        model, fallback = llms(services, second)
        changes = Changes(fallback)
        assert await complete(model) == ANSWER
        assert [(change.provider, change.available) for change in changes.all] == [("127.0.0.1/one", False)]


async def test_white_space_before_the_first_word_is_dropped(services: SpeechServices) -> None:
    services.reply = (({"content": "\n\n"}, None), ({"content": " Two "}, None), ({"content": "euros."}, "stop"))
    assert await reply_to(client(services)) == "Two euros."


async def test_an_emoji_in_two_chunks_is_one_character(services: SpeechServices) -> None:
    services.reply = (({"content": "Fine \ud83d"}, None), ({"content": "\udc4d"}, None), ({"content": " day"}, "stop"))
    assert await reply_to(client(services)) == "Fine 👍 day"


async def test_half_an_emoji_is_dropped(services: SpeechServices) -> None:
    services.reply = (({"content": "Fine \ud83d"}, None), ({"content": " day"}, "stop"))
    assert await reply_to(client(services)) == "Fine  day"


async def test_a_chunk_of_another_form_is_a_failed_reply(services: SpeechServices) -> None:
    services.reply = (({"content": {"text": "Two euros."}}, None),)
    with pytest.raises(APIError):
        await reply_to(client(services))


@pytest.mark.parametrize("status", [400, 422, 429, 500])
async def test_errors_do_not_quote_the_conversation(
    services: SpeechServices, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="livekit")
    caplog.set_level(logging.DEBUG, logger="agent")
    services.refuse = lambda body: (status, {"error": {"message": f"no: {body['messages']}"}, "detail": body})
    async with SpeechServices() as second:
        model, _ = llms(services, second)
        await complete(model)
    with pytest.raises(APIStatusError) as raised:
        await reply_to(client(services))
    assert raised.value.status_code == status
    assert HEARD not in f"{raised.value!r} {caplog.text}"


async def test_a_broken_stream_is_an_api_error(services: SpeechServices) -> None:
    services.stall = True
    with pytest.raises(APIError):
        await reply_to(client(services))
