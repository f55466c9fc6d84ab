"""The caller's own voice and ears, apart from the agent's: the embedded speech models, used directly.

Both models are loaded on first use, once a process, and run in threads: a busy event loop would distort measured times.
"""

from __future__ import annotations

import asyncio
import functools
import re
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from hibari import Hibari
from moonshine_voice import ModelArch, get_model_path
from moonshine_voice.transcriber import Transcriber

SAMPLE_RATE = 24_000
Samples = npt.NDArray[np.int16]
"""Mono 16-bit samples at `SAMPLE_RATE` (24 kHz), the one rate that the caller works with."""

_models = threading.Lock()
_MODEL_RATE = 16_000


@functools.cache
def _voice() -> Any:
    return Hibari()


@functools.cache
def _recognizer() -> Any:
    return Transcriber(str(get_model_path("tiny-en")), ModelArch.TINY)


@functools.lru_cache(maxsize=256)
def _synthesize(text: str) -> Samples:
    with _models:
        audio = _voice()(text, seed=0)
    samples: Samples = (np.clip(audio, -1.0, 1.0) * 32767).astype(np.int16)
    samples.setflags(write=False)
    return samples


def _recognize(samples: Samples) -> str:
    # Whole thirds and halves of 24 kHz: linear interpolation is plenty for a recognizer that reads 16 kHz.
    count = len(samples) * _MODEL_RATE // SAMPLE_RATE
    positions = np.arange(count) * (SAMPLE_RATE / _MODEL_RATE)
    audio = np.interp(positions, np.arange(len(samples)), samples / 32768)
    with _models:
        transcript = _recognizer().transcribe_without_streaming(audio.astype(np.float32).tolist(), _MODEL_RATE)
    return " ".join(line.text.strip() for line in transcript.lines).strip()


async def synthesize(text: str) -> Samples:
    """`text` as speech; the same text gives the same samples, and is synthesized once."""
    return await asyncio.to_thread(_synthesize, text)


async def recognize(samples: Samples) -> str:
    """What is said in `samples`; empty when nothing is."""
    return await asyncio.to_thread(_recognize, samples)


def warm_up() -> None:
    """Load both models, so that the first sentence is as fast as the others."""
    _recognize(_synthesize("Hello."))


def words(text: str) -> list[str]:
    """The words of `text` as a listener compares them: lower case, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def word_errors(expected: str, heard: str) -> int:
    """Edits, in words, that turn `heard` into `expected`: 0 is word for word."""
    return _edits(words(expected), words(heard))


def word_error_rate(expected: str, heard: str) -> float:
    """`word_errors` per expected word."""
    return word_errors(expected, heard) / max(1, len(words(expected)))


def _edits(left: Sequence[str], right: Sequence[str]) -> int:
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]
