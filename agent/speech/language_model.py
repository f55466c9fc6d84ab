"""The language model, always behind an OpenAI-compatible endpoint: embedded, Groq, OpenAI, vLLM and Ollama alike."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from livekit.agents import APIConnectOptions, APIError, llm
from livekit.plugins import openai
from openai import Timeout
from pydantic import SecretStr

from settings import SpeechSettings

TIMEOUT: Final = Timeout(15.0, connect=3.0)
"""Connecting fails early enough to be tried again while the caller still waits; 15 s is the longest gap in a stream."""
MAX_TOKENS: Final = 160
"""About a minute of speech: nobody listens to more at once, and a small model that began to loop is cut off."""
TEMPERATURE: Final = 0.3
"""Low: a model of 135M parameters loses its thread above it, and larger ones answer soberly."""

IS_PREFILL: Final = ContextVar("reads_ahead", default=False)
"""Whether the request of now is one that nobody waits for: what it comes to is no news of a reply."""

_NO_RETRY: Final = APIConnectOptions(max_retry=0, timeout=10)
_UNREACHABLE_URL: Final = "http://127.0.0.1:9/v1"


@dataclass(frozen=True)
class Endpoint:
    """Where a language model is to be asked."""

    base_url: str
    api_key: SecretStr
    model: str

    @property
    def name(self) -> str:
        """For people: the host and the model, and nothing that an address may hold besides."""
        return f"{urlsplit(self.base_url).hostname}/{self.model}"


def endpoints(settings: SpeechSettings) -> Sequence[Endpoint]:
    """The endpoint that `settings` names, and after it the spare, where there is one."""
    found = [Endpoint(settings.llm_base_url, settings.llm_api_key, settings.llm_model)]
    if settings.llm_fallback_base_url:
        found.append(
            Endpoint(settings.llm_fallback_base_url, settings.llm_fallback_api_key, settings.llm_fallback_model)
        )
    return found


def build(endpoint: Endpoint) -> llm.LLM[Any]:
    """The LLM of `endpoint`. Retries are livekit-agents' (it knows whether words were spoken already)."""
    return openai.LLM(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key.get_secret_value(),
        model=endpoint.model,
        temperature=TEMPERATURE,
        max_completion_tokens=MAX_TOKENS,
        timeout=TIMEOUT,
        max_retries=0,
    )


async def prefill(model: llm.LLM[Any], context: llm.ChatContext) -> None:
    """Have the endpoint read `context` before it is asked about it, and hang up at its first token.

    A server that keeps what it read (the embedded one, vLLM, Ollama) then answers the first question as fast as later
    ones: 0.1 s instead of 0.7 s for a prompt of 150 tokens. A failure here is nobody's loss.
    """
    IS_PREFILL.set(True)  # for this task and the request's own, which begins with a copy of what this one knows
    with suppress(APIError):
        async with model.chat(chat_ctx=context, conn_options=_NO_RETRY) as stream:
            async for _ in stream:
                break


def prewarm(settings: SpeechSettings) -> None:
    """Do what the client does once a process, 0.2 s on the event loop, before a caller would hear it. No network."""
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="")
    asyncio.run(prefill(build(replace(endpoints(settings)[0], base_url=_UNREACHABLE_URL)), context))
