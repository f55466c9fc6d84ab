"""STT by Moonshine: English, on the CPU, weights inside the wheel; 0.1 s for 3 s of speech on two cores.

Non-streaming on purpose: the session segments speech by VAD and recognizes each segment once, in less time than the
pause that ends a turn. Each interim result would cost as much again.
"""

from __future__ import annotations

import asyncio
import ctypes
import wave
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions, NotGivenOr, stt, utils
from livekit.agents.language import LanguageCode
from livekit.agents.types import NOT_GIVEN
from livekit.local_inference import VAD, VAD_WINDOW_SAMPLES
from moonshine_voice import ModelArch, Transcriber, get_assets_path, get_model_path
from moonshine_voice.errors import check_error
from moonshine_voice.moonshine_api import TranscriptC
from numpy.typing import NDArray

from errors import SetupError

SAMPLE_RATE: Final = 16_000
MODELS: Final = {"tiny-en": ModelArch.TINY}
OPTIONS: Final = {
    # Saves a fifth of the time and 44 MB.
    "identify_speakers": "false",
    "return_audio_data": "false",
    # Its own VAD keeps the end of one utterance and prepends it to the next.
    "vad_threshold": "0",
}
SPEECH_WINDOWS: Final = 3
"""Speech windows of 32 ms that an utterance needs: the model invents words from noise."""


class Engine(Transcriber):  # type: ignore[misc]  # moonshine-voice has no types
    """The loaded recognizer of one process. Its single thread keeps it off the event loop and serializes calls."""

    def __init__(self, model: str) -> None:
        super().__init__(str(get_model_path(model)), MODELS[model], options=OPTIONS)
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stt")
        self._voice_detection = VAD()

    def close(self) -> None:
        """Free nothing: moonshine's own clean-up corrupts the heap and kills the process at exit."""

    def transcribe(self, samples: NDArray[np.float32]) -> str:
        """Return the text of mono `samples` in [-1, 1] at 16 kHz; empty without speech. Releases the GIL.

        Passes the array by address: the package's own method builds a Python list first, which blocks the event loop.
        """
        if not self._speech_in(samples):
            return ""
        samples = np.ascontiguousarray(samples, np.float32)
        transcript = ctypes.POINTER(TranscriptC)()
        check_error(
            self._lib.moonshine_transcribe_without_streaming(
                self._handle,
                samples.ctypes.data_as(ctypes.POINTER(ctypes.c_float)),
                len(samples),
                SAMPLE_RATE,
                0,
                ctypes.byref(transcript),
            )
        )
        return " ".join(line.text.strip() for line in self._parse_transcript(transcript).lines).strip()

    def _speech_in(self, samples: NDArray[np.float32]) -> bool:
        windows = len(samples) // VAD_WINDOW_SAMPLES
        pcm = (samples[: windows * VAD_WINDOW_SAMPLES] * 32767).astype(np.int16).reshape(windows, -1)
        self._voice_detection.reset()
        spoken = 0
        for window in pcm:
            spoken += self._voice_detection.predict(window) > 0.5
            if spoken == SPEECH_WINDOWS:
                return True
        return False


def load(model: str) -> Callable[[], stt.STT[Any]]:
    """Load `model` and return the factory of a job's STT. Raises SetupError for a model that is not in the wheel."""
    if model not in MODELS:
        raise SetupError(f"Unknown moonshine model {model!r} in STT; known are {', '.join(MODELS)}.")
    engine = Engine(model)
    # Prewarm with speech: silence never reaches the model.
    with wave.open(str(get_assets_path() / "beckett.wav")) as recording:
        second = recording.readframes(recording.getframerate())
        engine.transcribe(to_samples(rtc.AudioFrame(second, recording.getframerate(), 1, recording.getframerate())))
    return lambda: MoonshineSTT(engine, model)


def to_samples(buffer: utils.AudioBuffer) -> NDArray[np.float32]:
    """Convert audio of any rate and channel count to mono float32 in [-1, 1] at 16 kHz."""
    frame = rtc.combine_audio_frames(buffer)
    pcm = np.frombuffer(frame.data, np.int16).reshape(-1, frame.num_channels)
    mono = pcm[:, 0] if frame.num_channels == 1 else pcm.mean(axis=1).astype(np.int16)
    if frame.sample_rate != SAMPLE_RATE:
        resampler = rtc.AudioResampler(frame.sample_rate, SAMPLE_RATE, quality=rtc.AudioResamplerQuality.MEDIUM)
        frames = [*resampler.push(bytearray(mono.tobytes())), *resampler.flush()]
        mono = np.concatenate([np.frombuffer(piece.data, np.int16) for piece in frames] or [np.zeros(0, np.int16)])
    return mono.astype(np.float32) / np.float32(32768)


class MoonshineSTT(stt.STT[Any]):
    """livekit-agents' STT over an `Engine`. Non-streaming: the session segments speech by VAD."""

    def __init__(self, engine: Engine, model: str) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self.engine = engine
        self._model = model

    @property
    def model(self) -> str:
        """The model."""
        return self._model

    @property
    def provider(self) -> str:
        """Name in metrics and logs."""
        return "moonshine"

    async def _recognize_impl(
        self, buffer: utils.AudioBuffer, *, language: NotGivenOr[str] = NOT_GIVEN, conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        text = await asyncio.get_running_loop().run_in_executor(
            self.engine.executor, lambda: self.engine.transcribe(to_samples(buffer))
        )
        return stt.SpeechEvent(
            type=stt.SpeechEventType.FINAL_TRANSCRIPT,
            alternatives=[stt.SpeechData(language=LanguageCode("en"), text=text)],
        )
