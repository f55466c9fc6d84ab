"""Latency breakdown of an answer: from the end of the question to the first sound."""

from __future__ import annotations

from livekit.agents.llm import MetricsReport

from contracts.turns import LatencyBreakdown


def latency_breakdown(question: MetricsReport, answer: MetricsReport) -> LatencyBreakdown | None:
    """Combine livekit-agents' metrics of both turns; None if it did not measure the end of the question."""
    total = answer.get("e2e_latency")
    if total is None:
        return None
    return LatencyBreakdown(
        total=round(total, 3),
        transcription=_rounded(question.get("transcription_delay")),
        end_of_turn=_rounded(question.get("end_of_turn_delay")),
        first_token=_rounded(answer.get("llm_node_ttft")),
        first_sentence=_rounded(answer.get("llm_node_ttfs")),
        first_audio=_rounded(answer.get("tts_node_ttfb")),
    )


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
