"""Who takes over when a provider fails: livekit-agents' fallback adapters, with the patience of a phone call.

A provider that has a spare is given up within `FALLBACK_AFTER_SECONDS`, at once where it refuses. It is tried again in
the background and gets the next request after it has answered; a stream of speech stays with the spare until its end.
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
    """A provider (`provider/model`) of a part failed, or is back; `next_up` gets the next request, nobody if None."""

    part: Part
    provider: str
    available: bool
    next_up: str | None


@dataclass(frozen=True)
class Fallback:
    """An adapter over several instances of a part, and the names of those."""

    part: Part
    adapter: stt.FallbackAdapter | llm.FallbackAdapter | tts.FallbackAdapter
    instances: Sequence[object]
    names: Sequence[str]

    def watch(self, report: Callable[[Availability], None]) -> None:
        """Call `report` with each failure and each recovery from now on."""
        available = dict.fromkeys(self.names, True)

        def changed(event: Any) -> None:
            instance = getattr(event, self.part)
            name = next(n for n, known in zip(self.names, self.instances, strict=True) if known is instance)
            available[name] = event.available
            next_up = next((n for n in self.names if available[n]), None)
            report(Availability(self.part, name, event.available, next_up))

        adapter: Any = self.adapter  # each kind has events of its own type
        adapter.on(f"{self.part}_availability_changed", changed)


def stt_fallback(
    providers: Sequence[tuple[str, stt.STT[Any]]], ears: vad.VAD, seconds: float
) -> tuple[stt.STT[Any], Fallback]:
    """Speech to text by the first of `providers` that works.

    Where none of them streams, an utterance that one of them failed on is given to the next: nothing that was said is
    lost. A stream that breaks loses what was said into it.
    """
    names = [name for name, _ in providers]
    each = [part if part.capabilities.streaming else TimeoutSTT(part, seconds) for _, part in providers]
    streams = any(part.capabilities.streaming for part in each)
    instances: list[stt.STT[Any]] = [
        part if part.capabilities.streaming else stt.StreamAdapter(stt=part, vad=ears) for part in each
    ]
    adapter = stt.FallbackAdapter(
        instances,
        attempt_timeout=seconds,
        max_retry_per_stt=0,  # one that is silent would be retried for ever: livekit-agents takes it for connected
    )
    return (adapter if streams else stt.StreamAdapter(stt=adapter, vad=ears)), Fallback(
        "stt", adapter, instances, names
    )


def llm_fallback(providers: Sequence[tuple[str, llm.LLM[Any]]], seconds: float) -> tuple[llm.LLM[Any], Fallback]:
    """The first language model of `providers` that begins to answer in time. An answer once begun is not begun anew."""
    names, instances = [name for name, _ in providers], [part for _, part in providers]
    adapter = llm.FallbackAdapter(instances, attempt_timeout=seconds)
    return adapter, Fallback("llm", adapter, instances, names)


def tts_fallback(providers: Sequence[tuple[str, tts.TTS[Any]]], seconds: float) -> tuple[tts.TTS[Any], Fallback]:
    """The first voice of `providers` that makes a sound in time. A sentence once begun is not begun anew."""
    names = [name for name, _ in providers]
    instances: list[tts.TTS[Any]] = [TimeoutTTS(part, seconds) for _, part in providers]
    adapter = tts.FallbackAdapter(instances, max_retry_per_tts=0)
    return adapter, Fallback("tts", adapter, instances, names)
