"""Text to speech by hibari: one voice inside its wheel, bent into six; synthesis on the CPU, 100 times real time."""

from __future__ import annotations

import os
import re
from typing import Any, Final

import hibari
import hibari.dsp
import numpy as np
from numpy.typing import NDArray

from agent.speech.embedded.voice_shaping import Spectrum, shape_voice
from agent.speech.embedded.voices import Voice, voice_named
from contracts.agent_options import DEFAULT_VOICE

SAMPLE_RATE: Final = 24_000
ENDLESS_NUMBER: Final = re.compile(r"\d[\d,]{23,}")
"""hibari has no name for numbers that long and fails on them; a small model may well write one. Read digit by digit."""
PEAK: Final = 0.9
"""Loudest sample of a sentence, as a share of full scale: lowered voices would clip."""

ONSET_LEVEL: Final = 0.004
"""The level at which speech begins, as a share of full scale: softer than the breath of an h."""
ONSET_MARGIN: Final = SAMPLE_RATE // 25
"""Samples kept before the onset: 40 ms."""


def load_hibari(threads: int | None = None) -> hibari.Hibari:
    """Load hibari so that no process asks a host for it. `threads`: None for one a core."""
    # Before onnxruntime is imported, which is here: later it has its telemetry thread already, and looks up hosts.
    os.putenv("ORT_DISABLE_TELEMETRY", "1")
    return hibari.Hibari() if threads is None else hibari.Hibari(threads=threads)


class Engine:
    """The loaded synthesizer. Threads may share it."""

    def __init__(self) -> None:
        self._hibari = load_hibari(threads=1)
        self._noise = np.random.default_rng(0)  # breath; seeded, so that tests hear the same speech each time

    def phonemize(self, text: str) -> list[str]:
        """Phonemes of `text`, one string a sentence: the unit of synthesis. Empty for unspeakable text."""
        phonemes: list[str] = self._hibari.phonemize(ENDLESS_NUMBER.sub(lambda number: " ".join(number[0]), text))
        return phonemes

    def speak(self, phonemes: str, voice: Voice) -> bytes:
        """One sentence in `voice`: 16-bit mono PCM at 24 kHz. Takes about 30 ms for 3 s of speech."""
        ids = self._hibari.ids(phonemes)
        if len(ids) < 3:  # only the two marks around it: none of the phonemes is known
            return b""
        outputs = self._hibari.sess.run(
            None, {"ids": np.asarray([ids], np.int64), "speed": np.asarray([1.0], np.float32)}
        )
        said = shape_voice(Spectrum(*(part[0] for part in outputs)), voice)
        wave = hibari.dsp.synth(
            said.harmonic, said.harmonic_phase, said.noise, said.free, said.free_phase, said.f0, self._noise
        )
        loudest = float(np.abs(wave).max(initial=0.0))
        gain = min(1.0, PEAK / loudest) if loudest else 1.0
        pcm: bytes = (_from_onset(wave) * (gain * 32767)).astype("<i2").tobytes()
        return pcm


def _from_onset(wave: NDArray[Any]) -> NDArray[Any]:
    """`wave` without most of the quarter second of silence that hibari begins with: the caller waits for every bit."""
    sounding = np.abs(wave) > ONSET_LEVEL
    onset = int(np.argmax(sounding)) if sounding.any() else 0
    return wave[max(0, onset - ONSET_MARGIN) :]


def load() -> Engine:
    """A synthesizer, loaded and prewarmed."""
    engine = Engine()
    # The first sentence loads the pronunciation rules and allocates: not for a caller to wait for.
    for phonemes in engine.phonemize("Ready."):
        engine.speak(phonemes, voice_named(DEFAULT_VOICE))
    return engine
