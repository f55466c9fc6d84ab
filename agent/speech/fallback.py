"""Provider fallbacks: livekit-agents' fallback adapters with timeouts that suit a phone call.

A provider that has a fallback fails after `FALLBACK_AFTER_SECONDS`, or at once if it refuses. It is tried again in the
background and gets the next request once it has answered; a running STT stream stays with the fallback.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from livekit.agents import llm, stt, tts, vad

from agent.speech.timeouts import TimeoutSTT, TimeoutTTS

Part = Literal["stt", "llm", "tts"]


@dataclass(frozen=True)
class Availability:
    """A provider (`provider/model`) failed or recovered. `next_up` gets the next request; None if all have failed."""

    part: Part
    provider: str
    available: bool
    next_up: str | None


@dataclass(frozen=True)
class Fallback:
    """A fallback adapter, its instances and their names."""

    part: Part
    adapter: stt.FallbackAdapter | llm.FallbackAdapter | tts.FallbackAdapter
    instances: Sequence[object]
    names: Sequence[str]

    def watch(self, report: Callable[[Availability], None]) -> None:
        """Call `report` with each failure and recovery from now on."""
        available = dict.fromkeys(self.names, True)

        def changed(event: Any) -> None:
            instance = getattr(event, self.part)
            name = next(n for n, known in zip(self.names, self.instances, strict=True) if known is instance)
            available[name] = event.available
            next_up = next((n for n in self.names if available[n]), None)
            report(Availability(self.part, name, event.available, next_up))

        adapter: Any = self.adapter  # the event types differ by part
        adapter.on(f"{self.part}_availability_changed", changed)


def stt_fallback(
    providers: Sequence[tuple[str, stt.STT[Any]]], vad_model: vad.VAD, seconds: float
) -> tuple[stt.STT[Any], Fallback]:
    """Return the STT of the first provider that works.

    If none of them streams, a failed utterance goes to the next provider; a broken stream drops its utterance.
    """
    names = [name for name, _ in providers]
    each = [part if part.capabilities.streaming else TimeoutSTT(part, seconds) for _, part in providers]
    streams = any(part.capabilities.streaming for part in each)
    instances: list[stt.STT[Any]] = [
        part if part.capabilities.streaming else stt.StreamAdapter(stt=part, vad=vad_model) for part in each
    ]
    adapter = stt.FallbackAdapter(
        instances,
        attempt_timeout=seconds,
        max_retry_per_stt=0,  # livekit-agents takes a silent provider for connected and would retry it for ever
    )
    return (adapter if streams else stt.StreamAdapter(stt=adapter, vad=vad_model)), Fallback(
        "stt", adapter, instances, names
    )


def llm_fallback(providers: Sequence[tuple[str, llm.LLM[Any]]], seconds: float) -> tuple[llm.LLM[Any], Fallback]:
    """Return the first LLM that starts to answer in time. A started answer is never restarted."""
    names, instances = [name for name, _ in providers], [part for _, part in providers]
    adapter = llm.FallbackAdapter(instances, attempt_timeout=seconds)
    return adapter, Fallback("llm", adapter, instances, names)


def tts_fallback(providers: Sequence[tuple[str, tts.TTS[Any]]], seconds: float) -> tuple[tts.TTS[Any], Fallback]:
    """Return the first TTS that starts to speak in time. A started sentence is never restarted."""
    names = [name for name, _ in providers]
    instances: list[tts.TTS[Any]] = [TimeoutTTS(part, seconds) for _, part in providers]
    adapter = tts.FallbackAdapter(instances, max_retry_per_tts=0)
    return adapter, Fallback("tts", adapter, instances, names)
