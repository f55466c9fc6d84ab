"""The LLM behind an OpenAI-compatible endpoint: embedded, Groq, OpenAI, vLLM or Ollama."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from livekit.agents import APIConnectOptions, APIError, llm
from openai import Timeout
from pydantic import SecretStr

from agent.speech.chat_endpoint import ChatLLM
from settings import SpeechSettings

TIMEOUT: Final = Timeout(15.0, connect=3.0)
"""Connecting fails early enough for a retry while the caller waits; 15 s is the longest gap in a stream."""
MAX_TOKENS: Final = 160
"""About a minute of speech. Also ends the loops of a small model."""
TEMPERATURE: Final = 0.3
"""Low: a model of 135M parameters loses the thread above it."""

IS_PREFILL: Final = ContextVar("is_prefill", default=False)
"""True in a request whose failure affects no reply."""

_NO_RETRY: Final = APIConnectOptions(max_retry=0, timeout=10)
_UNREACHABLE_URL: Final = "http://127.0.0.1:9/v1"


@dataclass(frozen=True)
class Endpoint:
    """An LLM's address, key and model."""

    base_url: str
    api_key: SecretStr
    model: str

    @property
    def name(self) -> str:
        """Host and model, without the rest of the address, which can hold credentials."""
        return f"{urlsplit(self.base_url).hostname}/{self.model}"


def endpoints(settings: SpeechSettings) -> Sequence[Endpoint]:
    """Return the configured endpoint, followed by its fallback if there is one."""
    found = [Endpoint(settings.llm_base_url, settings.llm_api_key, settings.llm_model)]
    if settings.llm_fallback_base_url:
        found.append(
            Endpoint(settings.llm_fallback_base_url, settings.llm_fallback_api_key, settings.llm_fallback_model)
        )
    return found


def build(endpoint: Endpoint) -> llm.LLM[Any]:
    """Return the client of `endpoint`. livekit-agents retries, since it knows if words were spoken already."""
    return ChatLLM(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key.get_secret_value(),
        model=endpoint.model,
        temperature=TEMPERATURE,
        max_completion_tokens=MAX_TOKENS,
        timeout=TIMEOUT,
        max_retries=0,
    )


async def prefill(model: llm.LLM[Any], context: llm.ChatContext) -> None:
    """Have the endpoint process `context` ahead of the first question; cancel at the first token, ignore errors.

    A server with a prompt cache (the embedded one, vLLM, Ollama) then answers the first question as fast as later
    ones: after 0.1 s instead of 0.7 s for a prompt of 150 tokens.
    """
    IS_PREFILL.set(True)  # in this task, and in the request's task, which copies this context
    with suppress(APIError):
        async with model.chat(chat_ctx=context, conn_options=_NO_RETRY) as stream:
            async for _ in stream:
                break


def prewarm(settings: SpeechSettings) -> None:
    """Run the client's one-time setup, 0.2 s on the event loop. Uses no network."""
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="")
    asyncio.run(prefill(build(replace(endpoints(settings)[0], base_url=_UNREACHABLE_URL)), context))
