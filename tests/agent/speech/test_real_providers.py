"""Hosted providers, for real, where their key is in the environment; elsewhere skipped, with that as the reason."""

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
    """Not here: these tests are about the network."""


def ready(provider: str, key: str) -> SpeechSettings:
    settings = SpeechSettings()
    if not getattr(settings, key).get_secret_value():
        pytest.skip(f"{key.upper()} is not set, so {provider} cannot be asked")
    return settings


@pytest.mark.parametrize("choice", ["inworld/inworld-tts-1.5-max", "openai/gpt-4o-mini-tts"])
async def test_a_real_tts_speaks(choice: str) -> None:
    provider = choice.partition("/")[0]
    settings = ready(choice, TTS_PROVIDERS[provider].key)
    async with http_context.open():
        speaking = load_provider("TTS", choice, TTS_PROVIDERS, settings)("Ashley")
        frame = await speaking.synthesize("The capital of France is Paris.").collect()
        await speaking.aclose()
    assert frame.duration > 1


@pytest.mark.parametrize(
    "choice", ["deepgram/nova-3", "assemblyai/universal-streaming-english", "openai/gpt-4o-mini-transcribe"]
)
async def test_a_real_stt_accepts_the_account(choice: str) -> None:
    """Half a second of quiet: refused accounts and unknown models are errors, and there is nothing to hear."""
    provider = choice.partition("/")[0]
    settings = ready(choice, STT_PROVIDERS[provider].key)
    quiet = rtc.AudioFrame(bytes(16_000), 16_000, 1, 8_000)
    async with http_context.open():
        hearing = load_provider("STT", choice, STT_PROVIDERS, settings)()
        if not hearing.capabilities.streaming:
            await hearing.recognize([quiet])
            return
        async with hearing.stream() as stream:
            stream.push_frame(quiet)
            stream.end_input()
            async for event in stream:
                assert not event.alternatives or not event.alternatives[0].text


@pytest.mark.parametrize("which", ["LLM", "LLM_FALLBACK"])
async def test_a_real_llm_answers(which: str) -> None:
    """The endpoint of the settings, if it is somebody's service: the one of this machine takes any key."""
    settings = SpeechSettings()
    name = f"{which.lower()}_api_key"
    key: SecretStr = getattr(settings, name)
    if key in (SecretStr(""), SpeechSettings.model_fields[name].default):
        pytest.skip(f"{name.upper()} is not set, so no hosted language model can be asked")
    endpoint = language_model.endpoints(settings)[0 if which == "LLM" else -1]
    context = llm.ChatContext.empty()
    context.add_message(role="user", content="What is the capital of France? Answer in one word.")
    async with language_model.build(endpoint) as thinking, thinking.chat(chat_ctx=context) as stream:
        said = "".join([chunk.delta.content or "" async for chunk in stream if chunk.delta])
    assert said.strip()
