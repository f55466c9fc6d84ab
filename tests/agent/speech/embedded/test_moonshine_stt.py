"""The local STT: any sample rate and channel count, independent utterances, off the event loop."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable

import numpy as np
import pytest
from livekit import rtc

from agent.speech import SpeechModels
from agent.speech.embedded.moonshine_stt import MoonshineSTT, load, to_samples
from errors import SetupError
from lab.caller.speech import word_errors

SENTENCE = "Please tell me how I can reset my password today."


@pytest.fixture
async def spoken(models: SpeechModels, in_a_room: Callable[[rtc.AudioFrame], rtc.AudioFrame]) -> rtc.AudioFrame:
    return in_a_room(await models.for_voice("Ashley").tts.synthesize(SENTENCE).collect())


@pytest.fixture
def recognizer(models: SpeechModels, spoken: rtc.AudioFrame) -> MoonshineSTT:
    recognizer = models.for_voice("Ashley").stt
    assert isinstance(recognizer, MoonshineSTT)
    return recognizer


def tone(rate: int, channels: int) -> rtc.AudioFrame:
    wave = (np.sin(2 * np.pi * 440 * np.arange(rate) / rate) * 16384).astype(np.int16)
    return rtc.AudioFrame(np.repeat(wave, channels).tobytes(), rate, channels, rate)


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_audio_becomes_16_khz_mono(rate: int, channels: int) -> None:
    samples = to_samples([tone(rate, channels)])
    assert len(samples) == pytest.approx(16_000, abs=32)
    middle = samples[2000:-2000]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.02)
    peak_hz = np.abs(np.fft.rfft(middle)).argmax() * 16_000 / len(middle)
    assert peak_hz == pytest.approx(440, abs=3)


async def test_speech_at_48_khz_stereo_in_small_frames_is_understood(
    recognizer: MoonshineSTT, spoken: rtc.AudioFrame
) -> None:
    resampler = rtc.AudioResampler(24_000, 48_000)
    frames = [*resampler.push(spoken), *resampler.flush()]
    stereo = [
        rtc.AudioFrame(np.repeat(np.frombuffer(f.data, np.int16), 2).tobytes(), 48_000, 2, f.samples_per_channel)
        for f in frames
    ]
    event = await recognizer.recognize(stereo)
    assert word_errors(SENTENCE, event.alternatives[0].text) == 0


async def test_a_truncated_utterance_does_not_affect_the_next(recognizer: MoonshineSTT, spoken: rtc.AudioFrame) -> None:
    alone = await recognizer.recognize(spoken)
    half = spoken.samples_per_channel // 2
    await recognizer.recognize(rtc.AudioFrame(bytes(spoken.data)[: 2 * half], 24_000, 1, half))
    after_a_cut = await recognizer.recognize(spoken)
    assert after_a_cut.alternatives[0].text == alone.alternatives[0].text != ""


@pytest.mark.parametrize("loudness", [0, 300])
async def test_noise_gives_no_text(recognizer: MoonshineSTT, loudness: int) -> None:
    noise = (np.random.default_rng(1).standard_normal(32_000) * loudness).astype(np.int16)
    event = await recognizer.recognize(rtc.AudioFrame(noise.tobytes(), 16_000, 1, len(noise)))
    assert event.alternatives[0].text == ""


async def test_recognition_runs_outside_the_event_loop(
    recognizer: MoonshineSTT, spoken: rtc.AudioFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []

    def transcribe(samples: object) -> str:
        threads.append(threading.current_thread())
        return "heard"

    monkeypatch.setattr(recognizer.engine, "transcribe", transcribe)
    await recognizer.recognize(spoken)
    assert threads
    assert threading.main_thread() not in threads


def test_a_process_exits_cleanly_after_recognition() -> None:
    """Moonshine's own clean-up would kill the process at exit."""
    script = (
        "from agent.speech.embedded import hibari_tts as h, moonshine_stt as m; h.load('default'); m.load('tiny-en')"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0  # noqa: S603


def test_an_unknown_model_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SetupError, match=r"'huge'.*tiny-en"):
        load("huge")
