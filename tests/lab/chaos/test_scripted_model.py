"""The scripted model, asked by the same client as the agent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from livekit.agents import llm
from pydantic import SecretStr

from agent.speech import language_model
from lab.chaos.numbers import numbers_in
from lab.chaos.scripted_model import MODEL_NAME, ScriptedModel


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel() as serving:
        yield serving


async def ask(model: ScriptedModel, *caller_turns: str) -> str:
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="You know number 77.")
    for turn in caller_turns:
        context.add_message(role="user", content=turn)
        context.add_message(role="assistant", content="Ninety nine.")
    context.items.pop()
    client = language_model.build(language_model.Endpoint(model.base_url, SecretStr("any"), MODEL_NAME))
    async with client.chat(chat_ctx=context) as stream:
        return "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])


async def test_answers_follow_from_the_callers_turns_alone(model: ScriptedModel) -> None:
    answer = await ask(model, "My number is 23.", "My number is forty-one.")
    assert numbers_in(answer) == [41, 23]
    (request,) = model.requests
    assert request.numbers == (23, 41)
    assert request.answer == answer.strip()
    assert request.at_ms > 0
