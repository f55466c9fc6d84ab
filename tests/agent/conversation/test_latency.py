"""The latency breakdown of an answer."""

from __future__ import annotations

from livekit.agents.llm import MetricsReport

from agent.conversation.latency import latency_breakdown
from contracts.turns import LatencyBreakdown


def test_latency_combines_the_metrics_of_question_and_answer() -> None:
    question = MetricsReport(transcription_delay=0.3512, end_of_turn_delay=0.6049)
    answer = MetricsReport(llm_node_ttft=0.1201, llm_node_ttfs=0.2, tts_node_ttfb=0.0404, e2e_latency=0.7777)
    assert latency_breakdown(question, answer) == LatencyBreakdown(
        total=0.778, transcription=0.351, end_of_turn=0.605, first_token=0.12, first_sentence=0.2, first_audio=0.04
    )


def test_unmeasured_parts_are_none() -> None:
    assert latency_breakdown(MetricsReport(), MetricsReport(e2e_latency=1.0)) == LatencyBreakdown(total=1.0)


def test_an_utterance_that_answers_nothing_has_no_latency() -> None:
    assert latency_breakdown(MetricsReport(end_of_turn_delay=0.6), MetricsReport(tts_node_ttfb=0.1)) is None
