"""Audio as the recognizer takes it: any rate and channel count, in pieces of bounded length."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from agent.speech.embedded.utterances import PIECE_SECONDS, SAMPLE_RATE, from_pcm, from_wav, pieces, to_wav


def tone(rate: int, channels: int) -> bytes:
    wave = (np.sin(2 * np.pi * 440 * np.arange(rate) / rate) * 16384).astype("<i2")
    return np.repeat(wave, channels).tobytes()


@pytest.mark.parametrize("rate", [8000, 16_000, 24_000, 44_100, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_any_audio_becomes_16_khz_mono(rate: int, channels: int) -> None:
    samples = from_pcm(tone(rate, channels), rate, channels)
    assert len(samples) == pytest.approx(16_000, abs=32)
    middle = samples[2000:-2000]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.02)
    peak_hz = np.abs(np.fft.rfft(middle)).argmax() * 16_000 / len(middle)
    assert peak_hz == pytest.approx(440, abs=3)


def test_a_wav_file_is_read_back_and_half_a_sample_is_dropped() -> None:
    pcm = tone(SAMPLE_RATE, 1)
    assert np.array_equal(from_wav(to_wav(pcm, SAMPLE_RATE)), from_pcm(pcm + b"\1", SAMPLE_RATE))
    assert len(from_pcm(b"", 24_000)) == len(from_wav(to_wav(b"", SAMPLE_RATE))) == 0


def wav_of_bytes() -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    return out.getvalue()


@pytest.mark.parametrize("audio", [b"", b"RIFF", b"\0" * 100, wav_of_bytes(), to_wav(b"", 1000)])
def test_anything_else_is_refused(audio: bytes) -> None:
    with pytest.raises(ValueError, match="file"):
        from_wav(audio)


def test_long_audio_is_cut_where_it_is_quiet_and_nothing_is_lost() -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 50 * SAMPLE_RATE).astype(np.float32)
    samples[18 * SAMPLE_RATE : 18 * SAMPLE_RATE + 4000] = 0
    cut = list(pieces(samples))
    assert np.array_equal(np.concatenate(cut), samples)
    assert all(len(piece) <= PIECE_SECONDS * SAMPLE_RATE for piece in cut)
    assert 18 * SAMPLE_RATE < len(cut[0]) < 18 * SAMPLE_RATE + 4000
    assert len(list(pieces(samples[: PIECE_SECONDS * SAMPLE_RATE]))) == 1
