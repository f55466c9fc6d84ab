"""The LLM client's requests, against a server that speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIStatusError, llm
from pydantic import SecretStr

from agent.speech import language_model
from settings import SpeechSettings


@dataclass
class Endpoint:
    """A chat endpoint: streams two words, or answers with another `status` than 200."""

    url: str = ""
    status: int = 200
    requests: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.requests.append((head[0], headers, body))
        if self.status == 200:
            kind, answer = "text/event-stream", "".join(map(_event, ("Good ", "day."))) + "data: [DONE]\n\n"
        else:
            kind, answer = "application/json", '{"error": {"message": "no"}}'
        writer.write(f"HTTP/1.1 {self.status} X\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n{answer}".encode())
        await writer.drain()
        writer.close()


def _event(word: str) -> str:
    choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "any", "choices": [choice]}
    return f"data: {json.dumps(chunk)}\n\n"


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    endpoint = Endpoint()
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/base/v1"
    async with server:
        yield endpoint


async def ask(endpoint: Endpoint) -> str:
    settings = SpeechSettings(llm_base_url=endpoint.url, llm_api_key=SecretStr("a-key"), llm_model="some/model")
    [first] = language_model.endpoints(settings)
    model = language_model.build(first)
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="Be brief.")
    context.add_message(role="user", content="Hello.")
    answer = ""
    async with model.chat(chat_ctx=context, conn_options=APIConnectOptions(max_retry=0)) as stream:
        async for chunk in stream:
            answer += (chunk.delta.content or "") if chunk.delta else ""
    await model.aclose()
    return answer


async def test_address_key_model_and_limits_reach_the_endpoint(endpoint: Endpoint) -> None:
    assert await ask(endpoint) == "Good day."
    [(line, headers, body)] = endpoint.requests
    assert line.startswith("POST /base/v1/chat/completions")
    assert headers["authorization"] == "Bearer a-key"
    assert body["model"] == "some/model"
    assert body["stream"] is True
    assert body["temperature"] == language_model.TEMPERATURE
    assert body["max_completion_tokens"] == language_model.MAX_TOKENS
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


async def test_the_client_itself_does_not_retry(endpoint: Endpoint) -> None:
    endpoint.status = 500
    with pytest.raises(APIStatusError):
        await ask(endpoint)
    assert len(endpoint.requests) == 1


async def test_a_failed_prefill_is_distinguishable_from_a_failed_reply() -> None:
    was_prefill: list[bool] = []
    model = language_model.build(language_model.Endpoint("http://127.0.0.1:9/v1", SecretStr("none"), "none"))
    model.on("error", lambda _: was_prefill.append(language_model.IS_PREFILL.get()))
    await asyncio.create_task(language_model.prefill(model, llm.ChatContext.empty()))
    assert was_prefill == [True]
    assert not language_model.IS_PREFILL.get()
