"""Audio of a request (WAV or raw PCM) as the recognizer takes it: mono at 16 kHz, cut into pieces of bounded length."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterator
from typing import Final

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

SAMPLE_RATE: Final = 16_000
RATES: Final = range(8_000, 96_001)
MAX_CHANNELS: Final = 8
PIECE_SECONDS: Final = 20
"""The recognizer takes 0.7 s for as much on two cores, and an utterance of a call is rarely longer."""
_SEARCH_SECONDS: Final = 4
_FRAME: Final = SAMPLE_RATE // 50


def from_wav(audio: bytes) -> NDArray[np.float32]:
    """Samples in [-1, 1] of a WAV file of 16-bit PCM. Raises ValueError for any other file."""
    try:
        with wave.open(io.BytesIO(audio)) as file:
            rate, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            pcm = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError("file is no WAV of PCM") from error
    if width != 2:
        raise ValueError(f"file has samples of {8 * width} bits; send 16")
    return from_pcm(pcm, rate, channels)


def from_pcm(pcm: bytes, rate: int, channels: int = 1) -> NDArray[np.float32]:
    """Samples in [-1, 1] of 16-bit little-endian PCM. Raises ValueError for rates and channels that make no sense."""
    if rate not in RATES or not 1 <= channels <= MAX_CHANNELS:
        raise ValueError(f"file has {channels} channels at {rate} Hz; send 1 to {MAX_CHANNELS} at 8000 to 96000 Hz")
    samples = np.frombuffer(pcm, "<i2", len(pcm) // (2 * channels) * channels)
    if channels > 1:
        samples = samples.reshape(-1, channels).mean(axis=1).astype(np.int16)
    if rate != SAMPLE_RATE:
        resampler = rtc.AudioResampler(rate, SAMPLE_RATE, quality=rtc.AudioResamplerQuality.MEDIUM)
        frames = [*resampler.push(bytearray(samples.tobytes())), *resampler.flush()]
        samples = np.concatenate([np.frombuffer(frame.data, np.int16) for frame in frames] or [samples[:0]])
    return samples.astype(np.float32) / np.float32(32768)


def pieces(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """`samples` in pieces of `PIECE_SECONDS` at the most, each cut where its last seconds are quietest."""
    longest, search = PIECE_SECONDS * SAMPLE_RATE, _SEARCH_SECONDS * SAMPLE_RATE
    while len(samples) > longest:
        frames = samples[longest - search : longest].reshape(-1, _FRAME)
        cut = longest - search + int(np.square(frames).mean(axis=1).argmin()) * _FRAME + _FRAME // 2
        yield samples[:cut]
        samples = samples[cut:]
    yield samples


def to_wav(pcm: bytes, rate: int) -> bytes:
    """16-bit mono PCM as a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return out.getvalue()
