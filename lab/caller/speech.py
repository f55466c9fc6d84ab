"""The caller's own TTS and STT, apart from the agent's: the embedded speech models, used directly.

Both models are loaded on first use, once a process, and run in threads: a busy event loop would distort measured times.
"""

from __future__ import annotations

import asyncio
import functools
import re
import threading
from typing import Any

import jiwer
import numpy as np
import numpy.typing as npt
from moonshine_voice import ModelArch, get_model_path
from moonshine_voice.transcriber import Transcriber

from agent.speech.embedded.hibari_tts import load_hibari

SAMPLE_RATE = 24_000
Samples = npt.NDArray[np.int16]
"""Mono 16-bit samples at `SAMPLE_RATE` (24 kHz), the rate of all audio of the caller."""

_models = threading.Lock()
_MODEL_RATE = 16_000


@functools.cache
def _voice() -> Any:
    return load_hibari()


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
    # Linear interpolation is enough for a recognizer that reads 16 kHz.
    count = len(samples) * _MODEL_RATE // SAMPLE_RATE
    positions = np.arange(count) * (SAMPLE_RATE / _MODEL_RATE)
    audio = np.interp(positions, np.arange(len(samples)), samples / 32768)
    with _models:
        transcript = _recognizer().transcribe_without_streaming(audio.astype(np.float32).tolist(), _MODEL_RATE)
    return " ".join(line.text.strip() for line in transcript.lines).strip()


async def synthesize(text: str) -> Samples:
    """Synthesize `text`; the same text gives the same samples and is synthesized once."""
    return await asyncio.to_thread(_synthesize, text)


async def recognize(samples: Samples) -> str:
    """Recognize the speech in `samples`; empty if there is none."""
    return await asyncio.to_thread(_recognize, samples)


def warm_up() -> None:
    """Load both models, so that the first sentence is as fast as the others."""
    _recognize(_synthesize("Hello."))


def words(text: str) -> list[str]:
    """The words of `text` in lower case, without punctuation."""
    return re.findall(r"[a-z0-9']+", text.lower())


def word_errors(expected: str, heard: str) -> int:
    """Count the words of `expected` that are missing or wrong in `heard`, and the words that are too many."""
    compared = jiwer.process_words(" ".join(words(expected)), " ".join(words(heard)))
    return compared.substitutions + compared.deletions + compared.insertions


def word_error_rate(expected: str, heard: str) -> float:
    """`word_errors` per expected word."""
    return word_errors(expected, heard) / max(1, len(words(expected)))
