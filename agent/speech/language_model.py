"""The language model, always behind an OpenAI-compatible endpoint: embedded, Groq, OpenAI, vLLM and Ollama alike."""

from __future__ import annotations

from typing import Any, Final

from livekit.agents import llm
from livekit.plugins import openai
from openai import Timeout

from settings import SpeechSettings

TIMEOUT: Final = Timeout(15.0, connect=3.0)
"""Connecting fails early enough to be tried again while the caller still waits; 15 s is the longest gap in a stream."""
MAX_TOKENS: Final = 160
"""About a minute of speech: nobody listens to more at once, and a small model that began to loop is cut off."""
TEMPERATURE: Final = 0.3
"""Low: a model of 135M parameters loses its thread above it, and larger ones answer soberly."""


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
