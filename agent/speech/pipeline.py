"""Builds the STT, LLM and TTS of each job from the models that its process has loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import APIConnectOptions, inference, llm, stt, tts, vad
from livekit.agents.voice.agent_session import SessionConnectOptions

from agent.speech import language_model
from agent.speech.fallback import Availability, Fallback, llm_fallback, stt_fallback, tts_fallback
from agent.speech.hosted import STTFactory, TTSFactory
from agent.speech.providers import STT_PROVIDERS, TTS_PROVIDERS, load_provider
from agent.speech.timeouts import TimeoutTTS
from settings import SpeechSettings

_RETRIES = 2
_RETRY_SECONDS = 1.0
"""livekit-agents' default pauses two seconds before a retry, which callers hear as silence."""
_ANSWER_SECONDS = 10.0
"""Timeout of a provider without a fallback; the embedded LLM on a small machine may need it."""
_STREAM = APIConnectOptions(max_retry=0, timeout=3)
"""The session itself reopens a failed STT stream, four times. Retries of the stream would be endless for a silent
service: livekit-agents takes an attempt that lasted as long as its timeout for connected."""


@dataclass(frozen=True)
class SpeechParts:
    """Arguments of an `AgentSession`, under their names there; `turn_detection` belongs into `turn_handling`."""

    stt: stt.STT[Any]
    llm: llm.LLM[Any]
    tts: tts.TTS[Any]
    vad: vad.VAD
    turn_detection: inference.TurnDetector
    conn_options: SessionConnectOptions = field(default_factory=SessionConnectOptions)
    fallbacks: tuple[Fallback, ...] = ()

    def watch(self, report: Callable[[Availability], None]) -> None:
        """Call `report` when a provider that has a fallback fails or recovers."""
        for fallback in self.fallbacks:
            fallback.watch(report)


class SpeechModels:
    """Everything slow, loaded and prewarmed once per process; see `agent.speech.load`."""

    def __init__(self, settings: SpeechSettings) -> None:
        self._make_stt: list[tuple[str, STTFactory]] = [
            (choice, load_provider(setting, choice, STT_PROVIDERS, settings))
            for setting, choice in (("STT", settings.stt), ("STT_FALLBACK", settings.stt_fallback))
            if choice
        ]
        self._make_tts: list[tuple[str, TTSFactory]] = [
            (choice, load_provider(setting, choice, TTS_PROVIDERS, settings))
            for setting, choice in (("TTS", settings.tts), ("TTS_FALLBACK", settings.tts_fallback))
            if choice
        ]
        self._fallback_seconds = settings.fallback_after_seconds
        language_model.prewarm(settings)
        # Not in the job: reading the system's certificates blocks its event loop for 30 ms or more.
        self._llms = [
            (endpoint.name, language_model.build(endpoint)) for endpoint in language_model.endpoints(settings)
        ]

    def for_voice(self, voice_id: str) -> SpeechParts:
        """Return a job's own parts; cheap, needs a running event loop. Raises ValueError for an unknown voice."""
        # VAD and turn detector are compiled into livekit-local-inference: no ONNX session in Python, no network.
        vad_model = inference.VAD()
        fallbacks: list[Fallback] = []
        stt_part: stt.STT[Any]
        llm_part: llm.LLM[Any]
        tts_part: tts.TTS[Any]
        (_, stt_part), *more_stts = stts = [(name, make()) for name, make in self._make_stt]
        (_, llm_part), *more_llms = self._llms
        (_, tts_part), *more_ttss = ttss = [(name, make(voice_id)) for name, make in self._make_tts]
        if more_stts:
            stt_part, fallback = stt_fallback(stts, vad_model, self._fallback_seconds)
            fallbacks.append(fallback)
        if more_llms:
            llm_part, fallback = llm_fallback(self._llms, self._fallback_seconds)
            fallbacks.append(fallback)
        if more_ttss:
            tts_part, fallback = tts_fallback(ttss, self._fallback_seconds)
            fallbacks.append(fallback)
        else:
            tts_part = TimeoutTTS(tts_part, _ANSWER_SECONDS)
        return SpeechParts(
            stt=stt_part,
            llm=llm_part,
            tts=tts_part,
            vad=vad_model,
            # Named, because the default asks LiveKit's cloud in development mode.
            turn_detection=inference.TurnDetector(version="v1-mini"),
            conn_options=SessionConnectOptions(
                stt_conn_options=_STREAM if stt_part.capabilities.streaming else _retries(),
                llm_conn_options=_retries(),
                tts_conn_options=_retries(self._fallback_seconds if more_ttss else _ANSWER_SECONDS),
            ),
            fallbacks=tuple(fallbacks),
        )


def _retries(seconds: float = _ANSWER_SECONDS) -> APIConnectOptions:
    return APIConnectOptions(max_retry=_RETRIES, retry_interval=_RETRY_SECONDS, timeout=seconds)
