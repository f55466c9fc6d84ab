"""Hosted speech services, by livekit-agents' plugins. Keys and addresses come from settings alone.

Each STT and TTS is made in the job that uses it, since its connections belong to that job's event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from contracts.agent_options import VOICES
from settings import SpeechSettings

if TYPE_CHECKING:
    from livekit.agents import stt, tts

STTFactory = Callable[[], "stt.STT[Any]"]
TTSFactory = Callable[[str], "tts.TTS[Any]"]
"""Called with a voice id of `contracts.VOICES`."""

OPENAI_VOICES: Final = {
    "Ashley": "nova",
    "Craig": "echo",
    "Edward": "onyx",
    "Olivia": "coral",
    "Wendy": "shimmer",
    "Priya": "sage",
}
"""OpenAI's nearest voices, among those that all its speech models have."""


def deepgram_stt(model: str, settings: SpeechSettings) -> STTFactory:
    """Deepgram's live transcription: one WebSocket per session."""
    from livekit.plugins import deepgram  # noqa: PLC0415 - an extra, and heavy

    return lambda: deepgram.STT(
        model=model, api_key=settings.deepgram_api_key.get_secret_value(), base_url=settings.deepgram_base_url
    )


def assemblyai_stt(model: str, settings: SpeechSettings) -> STTFactory:
    """AssemblyAI's Universal Streaming (v3): one WebSocket per session."""
    from agent.speech.hosted_assemblyai import AssemblyAISTT  # noqa: PLC0415 - an extra, and heavy

    return lambda: AssemblyAISTT(
        model=model,  # type: ignore[arg-type]  # the list of models grows; the service refuses unknown ones
        api_key=settings.assemblyai_api_key.get_secret_value(),
        base_url=settings.assemblyai_base_url,
    )


def openai_stt(model: str, settings: SpeechSettings) -> STTFactory:
    """OpenAI-compatible transcription: one request per utterance."""
    from livekit.plugins import openai  # noqa: PLC0415 - heavy

    return lambda: openai.STT(
        model=model, api_key=settings.openai_api_key.get_secret_value(), base_url=settings.openai_base_url
    )


def local_stt(model: str, settings: SpeechSettings) -> STTFactory:
    """The speech server of this machine: one request for each utterance."""
    from agent.speech.local import Endpoint, LocalSTT  # noqa: PLC0415 - heavy

    return lambda: LocalSTT(Endpoint(settings.speech_base_url, model))


def local_tts(model: str, settings: SpeechSettings) -> TTSFactory:
    """The speech server of this machine: one request for each sentence."""
    from agent.speech.local import Endpoint, LocalTTS  # noqa: PLC0415 - heavy

    return lambda voice_id: LocalTTS(Endpoint(settings.speech_base_url, model), _known(voice_id))


def inworld_tts(model: str, settings: SpeechSettings) -> TTSFactory:
    """Inworld's voices, under their own names: one WebSocket per session."""
    from livekit.plugins import inworld  # noqa: PLC0415 - an extra, and heavy

    base_url = settings.inworld_base_url
    return lambda voice_id: inworld.TTS(
        model=model,
        voice=_known(voice_id),
        api_key=settings.inworld_api_key.get_secret_value(),
        base_url=base_url,
        ws_url=base_url.replace("http", "ws", 1),
    )


def openai_tts(model: str, settings: SpeechSettings) -> TTSFactory:
    """OpenAI-compatible speech: one request per sentence."""
    from livekit.plugins import openai  # noqa: PLC0415 - heavy

    return lambda voice_id: openai.TTS(
        model=model,
        voice=OPENAI_VOICES[_known(voice_id)],
        api_key=settings.openai_api_key.get_secret_value(),
        base_url=settings.openai_base_url,
        response_format="pcm",  # needs no decoding, and its first bytes are audio
    )


def _known(voice_id: str) -> str:
    if voice_id not in VOICES:
        raise ValueError(f"Unknown voice {voice_id!r}; known are {', '.join(VOICES)}.")
    return voice_id
