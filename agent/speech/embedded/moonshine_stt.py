"""Speech to text by Moonshine: English, on the CPU, weights inside the wheel; 0.1 s for 3 s of speech on two cores.

Non-streaming on purpose: the session cuts the caller's speech with its VAD and recognizes each cut once, which takes
less time than the pause by which the end of a turn is told. Interim results would cost as much again for each of them.
"""

from __future__ import annotations

import ctypes
import wave
from typing import Final

import numpy as np
from livekit.local_inference import VAD, VAD_WINDOW_SAMPLES
from moonshine_voice import ModelArch, Transcriber, get_assets_path, get_model_path
from moonshine_voice.errors import check_error
from moonshine_voice.moonshine_api import TranscriptC
from numpy.typing import NDArray

from agent.speech.embedded.utterances import SAMPLE_RATE, from_pcm

OPTIONS: Final = {
    # One speaker, and nobody asks for the audio back: saves a fifth of the time and 44 MB.
    "identify_speakers": "false",
    "return_audio_data": "false",
    # Its own voice detection keeps the end of one call's audio and prepends it to the next ("? Please tell me ...").
    "vad_threshold": "0",
}
SPEECH_WINDOWS: Final = 3
"""Windows of 32 ms with speech that make an utterance: from mere noise the model invents words."""


class Engine(Transcriber):  # type: ignore[misc]  # moonshine-voice has no types
    """A loaded recognizer, for one call at a time: a second one would free the first one's transcript."""

    def __init__(self) -> None:
        super().__init__(str(get_model_path("tiny-en")), ModelArch.TINY, options=OPTIONS)
        self._voice_detection = VAD()

    def close(self) -> None:
        """Free nothing: moonshine's own clean-up corrupts the heap and kills the process, even at its regular exit."""

    def transcribe(self, samples: NDArray[np.float32]) -> str:
        """Text of mono `samples` in [-1, 1] at 16 kHz; empty when nobody speaks in them. Releases the GIL.

        Passes the array by its address; the package's own method would build a Python list of every sample first, and
        hold the GIL meanwhile.
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


def load() -> Engine:
    """A recognizer, loaded and prewarmed."""
    engine = Engine()
    # The first recognition allocates: not for a caller to wait for. Silence would not do, it is never recognized.
    with wave.open(str(get_assets_path() / "beckett.wav")) as recording:
        rate = recording.getframerate()
        engine.transcribe(from_pcm(recording.readframes(rate), rate))
    return engine
