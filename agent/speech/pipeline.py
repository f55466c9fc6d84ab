"""A process's loaded models, and the parts that each of its jobs gets from them."""

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
"""livekit-agents tries three times and pauses two seconds before the last two, which callers hear as silence."""
_ANSWER_SECONDS = 10.0
"""Patience with a provider that has no spare: a small machine's own model may need it."""
_STREAM = APIConnectOptions(max_retry=0, timeout=3)
"""A stream that cannot be had is made anew by the session, four times. Retries of its own would be endless where a
service is silent: livekit-agents takes an attempt that lasted as long as its timeout for one that had connected."""


@dataclass(frozen=True)
class SpeechParts:
    """What one `AgentSession` needs: pass each to the argument of its name, `turn_detection` within `turn_handling`."""

    stt: stt.STT[Any]
    llm: llm.LLM[Any]
    tts: tts.TTS[Any]
    vad: vad.VAD
    turn_detection: inference.TurnDetector
    conn_options: SessionConnectOptions = field(default_factory=SessionConnectOptions)
    fallbacks: tuple[Fallback, ...] = ()

    def watch(self, report: Callable[[Availability], None]) -> None:
        """Call `report` whenever a provider that has a spare fails, or is back."""
        for fallback in self.fallbacks:
            fallback.watch(report)


class SpeechModels:
    """Everything slow, loaded and warmed once a process, which serves one job; see `agent.speech.load`."""

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
        self._is_hosted_tts = bool(TTS_PROVIDERS[settings.tts.partition("/")[0]].key)
        self._patience = settings.fallback_after_seconds
        language_model.prewarm(settings)
        # Made here and not in a job: reading the system's certificates takes 30 ms of its event loop and more.
        self._llms = [
            (endpoint.name, language_model.build(endpoint)) for endpoint in language_model.endpoints(settings)
        ]

    def for_voice(self, voice_id: str) -> SpeechParts:
        """A job's own parts, cheap to make; needs a running event loop. ValueError for an unknown voice."""
        # Both are LiveKit's, compiled into livekit-local-inference: no session of ONNX in Python, no network.
        ears = inference.VAD()
        fallbacks: list[Fallback] = []
        hearing: stt.STT[Any]
        thinking: llm.LLM[Any]
        speaking: tts.TTS[Any]
        (_, hearing), *spare_stt = stts = [(name, make()) for name, make in self._make_stt]
        (_, thinking), *spare_llm = self._llms
        (_, speaking), *spare_tts = ttss = [(name, make(voice_id)) for name, make in self._make_tts]
        if spare_stt:
            hearing, fallback = stt_fallback(stts, ears, self._patience)
            fallbacks.append(fallback)
        if spare_llm:
            thinking, fallback = llm_fallback(self._llms, self._patience)
            fallbacks.append(fallback)
        if spare_tts:
            speaking, fallback = tts_fallback(ttss, self._patience)
            fallbacks.append(fallback)
        elif self._is_hosted_tts:
            speaking = TimeoutTTS(speaking, _ANSWER_SECONDS)
        return SpeechParts(
            stt=hearing,
            llm=thinking,
            tts=speaking,
            vad=ears,
            # Named, because the unnamed default asks LiveKit's cloud in development mode.
            turn_detection=inference.TurnDetector(version="v1-mini"),
            conn_options=SessionConnectOptions(
                stt_conn_options=_STREAM if hearing.capabilities.streaming else _patience(),
                llm_conn_options=_patience(),
                tts_conn_options=_patience(self._patience if spare_tts else _ANSWER_SECONDS),
            ),
            fallbacks=tuple(fallbacks),
        )


def _patience(seconds: float = _ANSWER_SECONDS) -> APIConnectOptions:
    return APIConnectOptions(max_retry=_RETRIES, retry_interval=_RETRY_SECONDS, timeout=seconds)
