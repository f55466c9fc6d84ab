"""Bending a spoken sentence while it is still a spectrum: pace, formants and pitch, each by itself.

The synthesizer's network predicts, for every 12.5 ms, a fundamental frequency and the shape of the spectrum around it.
Bending these costs a few milliseconds and leaves no artefacts of resampled sound: a lower pitch does not slow the
sentence down, a faster one does not raise its pitch. numpy only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agent.speech.embedded.voices import Voice

Floats = NDArray[np.float32]

SILENT: Final = -12.0
"""Log magnitude of what lies above the highest bin that a lowered formant still fills: about -104 dB."""
VOICED_HZ: Final = 40.0
"""The engine takes lower fundamentals as unvoiced."""


@dataclass(frozen=True)
class Spectrum:
    """A sentence before it is sound: parts [bins, frames] as the engine's `dsp.synth` takes them, `f0` [frames] in Hz.

    Three branches add up: `harmonic` (log magnitude, with `harmonic_phase`) shapes the pulses of the voice, `noise`
    (log magnitude) its breath, and `free` (log magnitude, with `free_phase`) what neither of the two can say.
    """

    harmonic: Floats
    harmonic_phase: Floats
    noise: Floats
    free: Floats
    free_phase: Floats
    f0: Floats


def shape_voice(spectrum: Spectrum, voice: Voice) -> Spectrum:
    """`spectrum` as `voice` would say it. The original is left alone."""
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
        # Not interpolated: between a voiced frame and an unvoiced one lies no frequency.
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
