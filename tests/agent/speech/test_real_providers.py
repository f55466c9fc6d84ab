"""Real hosted providers, if their key is in the environment; skipped otherwise."""

from __future__ import annotations

import pytest
from livekit import rtc
from livekit.agents import llm
from livekit.agents.utils import http_context
from pydantic import SecretStr

from agent.speech import language_model
from agent.speech.providers import STT_PROVIDERS, TTS_PROVIDERS, load_provider
from settings import SpeechSettings

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def no_network_but_loopback() -> None:
    """Allow the network."""


def ready(provider: str, key: str) -> SpeechSettings:
    settings = SpeechSettings()
    if not getattr(settings, key).get_secret_value():
        pytest.skip(f"{key.upper()} is not set, skipping {provider}")
    return settings


@pytest.mark.parametrize("choice", ["inworld/inworld-tts-1.5-max", "openai/gpt-4o-mini-tts"])
async def test_a_real_tts_speaks(choice: str) -> None:
    provider = choice.partition("/")[0]
    settings = ready(choice, TTS_PROVIDERS[provider].key)
    async with http_context.open():
        voice = load_provider("TTS", choice, TTS_PROVIDERS, settings)("Ashley")
        frame = await voice.synthesize("The capital of France is Paris.").collect()
        await voice.aclose()
    assert frame.duration > 1


@pytest.mark.parametrize(
    "choice", ["deepgram/nova-3", "assemblyai/universal-streaming-english", "openai/gpt-4o-mini-transcribe"]
)
async def test_a_real_stt_accepts_the_account(choice: str) -> None:
    """Half a second of silence: refused accounts and unknown models raise errors."""
    provider = choice.partition("/")[0]
    settings = ready(choice, STT_PROVIDERS[provider].key)
    quiet = rtc.AudioFrame(bytes(16_000), 16_000, 1, 8_000)
    async with http_context.open():
        recognizer = load_provider("STT", choice, STT_PROVIDERS, settings)()
        if not recognizer.capabilities.streaming:
            await recognizer.recognize([quiet])
            return
        async with recognizer.stream() as stream:
            stream.push_frame(quiet)
            stream.end_input()
            async for event in stream:
                assert not event.alternatives or not event.alternatives[0].text


@pytest.mark.parametrize("which", ["LLM", "LLM_FALLBACK"])
async def test_a_real_llm_answers(which: str) -> None:
    """The configured endpoint, if it is hosted: the local one accepts any key."""
    settings = SpeechSettings()
    name = f"{which.lower()}_api_key"
    key: SecretStr = getattr(settings, name)
    if key in (SecretStr(""), SpeechSettings.model_fields[name].default):
        pytest.skip(f"{name.upper()} is not set, skipping the hosted language model")
    endpoint = language_model.endpoints(settings)[0 if which == "LLM" else -1]
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="What is the capital of France? Answer in one word.")
    async with language_model.build(endpoint) as model, model.chat(chat_ctx=context) as stream:
        answer = "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])
    assert answer.strip()
