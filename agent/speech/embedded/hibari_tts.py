"""TTS by hibari: the wheel's one voice, shaped into six; synthesis on the CPU, 100 times faster than real time.

Uses no network: a base voice that is not on this machine is replaced by the bundled one.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final

import hibari
import hibari.dsp
import hibari.voices
import numpy as np
import onnxruntime
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, APIConnectOptions, tts, utils
from numpy.typing import NDArray

from agent.speech.embedded.voice_shaping import Spectrum, shape_voice
from agent.speech.embedded.voices import Voice, voice_named
from contracts.agent_options import DEFAULT_VOICE
from errors import SetupError

logger = logging.getLogger(__name__)

SAMPLE_RATE: Final = 24_000
ENDLESS_NUMBER: Final = re.compile(r"\d[\d,]{23,}")
"""hibari fails on longer numbers, and a small LLM can write one: they are read digit by digit."""
PAUSE: Final = bytes(2 * SAMPLE_RATE // 10)
"""A tenth of a second of silence."""
PEAK: Final = 0.9
"""Loudest allowed sample, as a share of full scale: lowered voices would clip."""

ONSET_LEVEL: Final = 0.004
"""Speech starts at this share of full scale; softer than the breath of an h."""
ONSET_MARGIN: Final = SAMPLE_RATE // 25
"""Samples kept before the onset: 40 ms."""


class Engine:
    """The loaded synthesizer, shared by the voices of one process. Its one thread keeps it off the event loop."""

    def __init__(self, base_voice: str) -> None:
        onnxruntime.disable_telemetry_events()
        self._hibari = hibari.Hibari(voice=base_voice, threads=1)
        self._noise = np.random.default_rng(0)  # breath; seeded for reproducible speech
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="tts")

    def phonemize(self, text: str) -> list[str]:
        """Return the phonemes of `text`, one string per sentence; empty for text without words."""
        phonemes: list[str] = self._hibari.phonemize(ENDLESS_NUMBER.sub(lambda number: " ".join(number[0]), text))
        return phonemes

    def speak(self, phonemes: str, voice: Voice) -> bytes:
        """Synthesize one sentence as 16-bit mono PCM at 24 kHz. Takes about 30 ms for 3 s of speech."""
        ids = self._hibari.ids(phonemes)
        if len(ids) < 3:  # only the start and end marks: no known phoneme
            return b""
        outputs = self._hibari.sess.run(
            None, {"ids": np.asarray([ids], np.int64), "speed": np.asarray([1.0], np.float32)}
        )
        shaped = shape_voice(Spectrum(*(part[0] for part in outputs)), voice)
        wave = hibari.dsp.synth(
            shaped.harmonic, shaped.harmonic_phase, shaped.noise, shaped.free, shaped.free_phase, shaped.f0, self._noise
        )
        loudest = float(np.abs(wave).max(initial=0.0))
        gain = min(1.0, PEAK / loudest) if loudest else 1.0
        pcm: bytes = (_from_onset(wave) * (gain * 32767)).astype("<i2").tobytes()
        return pcm


def _from_onset(wave: NDArray[Any]) -> NDArray[Any]:
    """Cut most of the quarter second of silence with which hibari starts a sentence."""
    sounding = np.abs(wave) > ONSET_LEVEL
    onset = int(np.argmax(sounding)) if sounding.any() else 0
    return wave[max(0, onset - ONSET_MARGIN) :]


def load(model: str) -> Callable[[str], tts.TTS[Any]]:
    """Load base voice `model` (`default`, or one of hibari's) and return the factory of a voice id's TTS.

    A known base voice that is not on this machine is replaced by the bundled one, with a warning: `hibari --voice NAME`
    downloads it. Raises SetupError for an unknown name.
    """
    base_voice = hibari.voices.DEFAULT if model == "default" else model
    if base_voice not in hibari.voices.VOICES:
        known = ", ".join(["default", *hibari.voices.VOICES])
        raise SetupError(f"Unknown hibari voice {model!r} in TTS; known are {known}.")
    try:
        hibari.voices.voice_path(base_voice, download_missing=False)
    except FileNotFoundError as missing:
        logger.warning(
            "hibari voice %s is not on this machine (%s): using the bundled one; download it with `hibari --voice %s`",
            base_voice,
            missing,
            base_voice,
        )
        base_voice = hibari.voices.DEFAULT
    engine = Engine(base_voice)
    # Prewarm: the first sentence loads the pronunciation rules.
    for phonemes in engine.phonemize("Ready."):
        engine.speak(phonemes, voice_named(DEFAULT_VOICE))
    return lambda voice_id: HibariTTS(engine, voice_named(voice_id), base_voice)


class HibariTTS(tts.TTS[Any]):
    """livekit-agents' TTS over an `Engine`. Non-streaming: the session feeds it sentence by sentence."""

    def __init__(self, engine: Engine, voice: Voice, model: str) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=SAMPLE_RATE, num_channels=1)
        self.engine = engine
        self.voice = voice
        self._model = model

    @property
    def model(self) -> str:
        """The base voice."""
        return self._model

    @property
    def provider(self) -> str:
        """Name in metrics and logs."""
        return "hibari"

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Speak `text` sentence by sentence; closing the stream drops the sentences not started."""
        return _Sentences(tts=self, input_text=text, conn_options=conn_options)


class _Sentences(tts.ChunkedStream):
    _tts: HibariTTS

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(
            request_id=utils.shortuuid(), sample_rate=SAMPLE_RATE, num_channels=1, mime_type="audio/pcm"
        )
        engine, voice = self._tts.engine, self._tts.voice
        in_thread = partial(asyncio.get_running_loop().run_in_executor, engine.executor)
        # One await per sentence: an interruption takes effect there, and frees the thread within one sentence.
        sentences = await in_thread(engine.phonemize, self._input_text)
        for phonemes in sentences:
            output_emitter.push(await in_thread(engine.speak, phonemes, voice))
        if not sentences:  # only an emoji, for example: livekit-agents would retry a text without audio
            output_emitter.push(PAUSE)
        output_emitter.flush()
