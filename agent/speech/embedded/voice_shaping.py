"""Shapes a voice in the spectrum of a sentence: pace, formants and pitch, each independently. numpy only.

The synthesizer predicts a fundamental frequency and a spectrum for every 12.5 ms. Changing these takes a few
milliseconds and avoids the artefacts of resampling: a lower pitch is not slower, a faster pace is not higher.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agent.speech.embedded.voices import Voice

Floats = NDArray[np.float32]

SILENT: Final = -12.0
"""Log magnitude above the highest bin that a lowered formant fills: about -104 dB."""
VOICED_HZ: Final = 40.0
"""The engine takes lower fundamentals as unvoiced."""


@dataclass(frozen=True)
class Spectrum:
    """A sentence before synthesis: arrays [bins, frames] for the engine's `dsp.synth`, `f0` [frames] in Hz.

    The sum of three branches: `harmonic` (log magnitude, with `harmonic_phase`) for the voice's pulses, `noise` (log
    magnitude) for its breath, and `free` (log magnitude, with `free_phase`) for the rest.
    """

    harmonic: Floats
    harmonic_phase: Floats
    noise: Floats
    free: Floats
    free_phase: Floats
    f0: Floats


def shape_voice(spectrum: Spectrum, voice: Voice) -> Spectrum:
    """Return a copy of `spectrum` in `voice`."""
    if voice.pace != 1.0:
        spectrum = _paced(spectrum, voice.pace)
    if voice.formant != 1.0:
        spectrum = _formed(spectrum, voice.formant)
    if voice.pitch != 1.0:
        f0 = np.where(spectrum.f0 >= VOICED_HZ, spectrum.f0 * voice.pitch, spectrum.f0).astype(np.float32)
        spectrum = replace(spectrum, f0=f0)
    return spectrum


def _paced(spectrum: Spectrum, pace: float) -> Spectrum:
    frames = spectrum.f0.shape[0]
    at = np.linspace(0, frames - 1, max(2, round(frames / pace)))
    nearest = np.rint(at).astype(np.intp)
    return Spectrum(
        harmonic=_interpolate(spectrum.harmonic, at, axis=1),
        harmonic_phase=spectrum.harmonic_phase[:, nearest],
        noise=_interpolate(spectrum.noise, at, axis=1),
        free=_interpolate(spectrum.free, at, axis=1),
        free_phase=spectrum.free_phase[:, nearest],
        # Not interpolated: there is no frequency between a voiced and an unvoiced frame.
        f0=spectrum.f0[nearest],
    )


def _formed(spectrum: Spectrum, formant: float) -> Spectrum:
    bins = spectrum.harmonic.shape[0]
    at = np.arange(bins) / formant
    inside = at <= bins - 1
    at = np.minimum(at, bins - 1)
    nearest = np.rint(at).astype(np.intp)

    def magnitude(part: Floats) -> Floats:
        moved = _interpolate(part, at, axis=0)
        moved[~inside] = SILENT
        return moved

    return Spectrum(
        harmonic=magnitude(spectrum.harmonic),
        harmonic_phase=spectrum.harmonic_phase[nearest],
        noise=magnitude(spectrum.noise),
        free=magnitude(spectrum.free),
        free_phase=spectrum.free_phase[nearest],
        f0=spectrum.f0,
    )


def _interpolate(part: Floats, at: NDArray[Any], axis: int) -> Floats:
    low = np.minimum(at.astype(np.intp), part.shape[axis] - 2)
    weight = (at - low).astype(np.float32)
    if axis == 0:
        weight = weight[:, None]
    below: Floats = np.take(part, low, axis=axis)
    above: Floats = np.take(part, low + 1, axis=axis)
    above -= below
    above *= weight
    above += below
    return above
