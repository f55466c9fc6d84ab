"""A process's loaded models, and the parts that each of its jobs gets from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from livekit.agents import inference, llm, stt, tts, vad

from agent.speech import language_model
from agent.speech.providers import STT_PROVIDERS, TTS_PROVIDERS, MakeSTT, MakeTTS, load_provider
from settings import SpeechSettings


@dataclass(frozen=True)
class SpeechParts:
    """What one `AgentSession` needs: pass each to the argument of its name, `turn_detection` within `turn_handling`."""

    stt: stt.STT[Any]
    llm: llm.LLM[Any]
    tts: tts.TTS[Any]
    vad: vad.VAD
    turn_detection: inference.TurnDetector


class SpeechModels:
    """Everything slow, loaded and warmed once a process, which serves one job; see `agent.speech.load`."""

    def __init__(self, settings: SpeechSettings) -> None:
        self._make_stt: MakeSTT = load_provider("STT", settings.stt, STT_PROVIDERS)
        self._make_tts: MakeTTS = load_provider("TTS", settings.tts, TTS_PROVIDERS)
        language_model.warm(settings)
        # Made here and not in a job: reading the system's certificates takes 30 ms of its event loop and more.
        self._llm = language_model.build(settings)

    def for_voice(self, voice_id: str) -> SpeechParts:
        """A job's own parts, cheap to make; needs a running event loop. ValueError for an unknown voice."""
        return SpeechParts(
            stt=self._make_stt(),
            llm=self._llm,
            tts=self._make_tts(voice_id),
            # Both are LiveKit's, compiled into livekit-local-inference: no session of ONNX in Python, no network.
            vad=inference.VAD(),
            # Named, because the unnamed default asks LiveKit's cloud in development mode.
            turn_detection=inference.TurnDetector(version="v1-mini"),
        )
