"""The local TTS: sentence by sentence, off the event loop, cancellable."""

from __future__ import annotations

import asyncio
import logging
import threading
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, tts

from agent.speech import SpeechModels
from agent.speech.embedded import hibari_tts
from agent.speech.embedded.hibari_tts import HibariTTS
from agent.speech.embedded.voices import Voice
from errors import SetupError

TEXT = "This is the first sentence. This is the second sentence. This is the third. And here is the fourth one."


@pytest.fixture
def speech(models: SpeechModels) -> HibariTTS:
    return HibariTTS(hibari_tts.Engine("heart"), Voice(1.0, 1.0, 1.0), "heart")


async def test_closing_the_stream_drops_the_sentences_not_started(
    speech: HibariTTS, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    second_started, go_on = threading.Event(), threading.Event()
    speak = speech.engine.speak

    def slow(phonemes: str, voice: Voice) -> bytes:
        started.append(phonemes)
        if len(started) == 2:
            second_started.set()
            go_on.wait(10)
        return speak(phonemes, voice)

    monkeypatch.setattr(speech.engine, "speak", slow)
    stream = speech.synthesize(TEXT)
    assert (await anext(stream)).frame.duration > 0
    await asyncio.to_thread(second_started.wait, 10)
    await stream.aclose()
    go_on.set()
    await asyncio.to_thread(speech.engine.executor.shutdown, wait=True)
    assert len(started) == 2


async def test_synthesis_runs_outside_the_event_loop(speech: HibariTTS, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[threading.Thread] = set()

    def speak(phonemes: str, voice: Voice) -> bytes:
        threads.add(threading.current_thread())
        return b"\0\0" * 2400

    monkeypatch.setattr(speech.engine, "speak", speak)
    await speech.synthesize(TEXT).collect()
    assert len(threads) == 1
    assert threading.main_thread() not in threads


async def test_a_streamed_answer_is_synthesized_completely(models: SpeechModels) -> None:
    """As in a session: words arrive one by one, and a sentence adapter feeds the TTS."""
    adapter = tts.StreamAdapter(tts=models.for_voice("Wendy").tts)
    async with adapter.stream() as stream:
        for word in TEXT.split():
            stream.push_text(word + " ")
        stream.end_input()
        frames = [event.frame async for event in stream]
    event = await models.for_voice("Wendy").stt.recognize(rtc.combine_audio_frames(frames))
    heard = event.alternatives[0].text.lower()
    assert all(word in heard for word in ("first", "second", "third", "fourth"))


def test_speech_begins_at_once(speech: HibariTTS) -> None:
    (phonemes,) = speech.engine.phonemize("The capital of France is Paris.")
    pcm = np.frombuffer(speech.engine.speak(phonemes, speech.voice), np.int16)
    onset = int(np.argmax(np.abs(pcm) > 150))
    assert 0 < onset < 0.08 * hibari_tts.SAMPLE_RATE


@pytest.mark.parametrize("text", ["\N{SLIGHTLY SMILING FACE}", "...", "***"])
async def test_text_without_words_is_a_pause(speech: HibariTTS, text: str) -> None:
    frame = await speech.synthesize(text, conn_options=APIConnectOptions(max_retry=0)).collect()
    assert 0 < frame.duration < 2


@pytest.mark.parametrize("number", ["7" * 60, "123," * 20 + "456", f"{'1' * 60}.{'2' * 60}"])
def test_a_very_long_number_is_read_digit_by_digit(speech: HibariTTS, number: str) -> None:
    assert speech.engine.phonemize(f"It costs ${number} today.")


def test_a_missing_base_voice_falls_back_without_network(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def no_network(*_: object) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    monkeypatch.setattr("hibari.voices.download", no_network)
    with caplog.at_level(logging.WARNING):
        made = hibari_tts.load("emma")("Ashley")
    assert made.model == "heart"
    assert "emma" in caplog.text


def test_an_unknown_base_voice_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SetupError, match=r"'nobody'.*default.*heart"):
        hibari_tts.load("nobody")
