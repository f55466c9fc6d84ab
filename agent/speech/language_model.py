"""The language model, always behind an OpenAI-compatible endpoint: embedded, Groq, OpenAI, vLLM and Ollama alike."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from livekit.agents import APIConnectOptions, APIError, llm
from livekit.plugins import openai
from openai import Timeout

from settings import SpeechSettings

TIMEOUT: Final = Timeout(15.0, connect=3.0)
"""Connecting fails early enough to be tried again while the caller still waits; 15 s is the longest gap in a stream."""
MAX_TOKENS: Final = 160
"""About a minute of speech: nobody listens to more at once, and a small model that began to loop is cut off."""
TEMPERATURE: Final = 0.3
"""Low: a model of 135M parameters loses its thread above it, and larger ones answer soberly."""

_ONE_TRY: Final = APIConnectOptions(max_retry=0, timeout=10)
_NOBODY: Final = "http://127.0.0.1:9/v1"


def build(settings: SpeechSettings) -> llm.LLM[Any]:
    """The LLM that `settings` names. Retries are livekit-agents' (it knows whether words were spoken already)."""
    return openai.LLM(
        base_url=settings.llm_base_url,
        api_key=settings.llm_api_key.get_secret_value(),
        model=settings.llm_model,
        temperature=TEMPERATURE,
        max_completion_tokens=MAX_TOKENS,
        timeout=TIMEOUT,
        max_retries=0,
    )


async def read_ahead(model: llm.LLM[Any], context: llm.ChatContext) -> None:
    """Have the endpoint read `context` before it is asked about it, and hang up at its first token.

    A server that keeps what it read (the embedded one, vLLM, Ollama) then answers the first question as fast as later
    ones: 0.1 s instead of 0.7 s for a prompt of 150 tokens. A failure here is nobody's loss.
    """
    with suppress(APIError):
        async with model.chat(chat_ctx=context, conn_options=_ONE_TRY) as stream:
            async for _ in stream:
                break


def warm(settings: SpeechSettings) -> None:
    """Do what the client does once a process, 0.2 s on the event loop, before a caller would hear it. No network."""
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="")
    asyncio.run(read_ahead(build(settings.model_copy(update={"llm_base_url": _NOBODY})), context))
