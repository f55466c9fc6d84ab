"""Records each voice of the embedded TTS for the playground's listen buttons: `make voices`.

The recordings are committed, because the API has no speech models. The page has no listen buttons for other providers.
"""

from __future__ import annotations

import sys
from pathlib import Path

import av
import numpy as np

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

from agent.speech.embedded.hibari_tts import SAMPLE_RATE, Engine  # noqa: E402
from agent.speech.embedded.voices import VOICE_SHAPES  # noqa: E402

TARGET = CHECKOUT / "api/playground/assets/voices"
SENTENCE = "Hello, I am {name}. What can I do for you today?"
BITS_PER_SECOND = 48_000


def main() -> None:
    """Write one MP3 for each voice."""
    TARGET.mkdir(exist_ok=True)
    engine = Engine()
    for name, voice in VOICE_SHAPES.items():
        sentences = engine.phonemize(SENTENCE.format(name=name))
        write_mp3(TARGET / f"{name}.mp3", b"".join(engine.speak(phonemes, voice) for phonemes in sentences))


def write_mp3(file: Path, pcm: bytes) -> None:
    """Write 16-bit mono samples at the synthesizer's rate as MP3, which every browser plays."""
    samples = np.frombuffer(pcm, np.int16).reshape(1, -1)
    with av.open(file, "w") as container:
        stream = container.add_stream("libmp3lame", rate=SAMPLE_RATE, layout="mono")
        stream.bit_rate = BITS_PER_SECOND
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        resampler = av.AudioResampler("s16p", "mono", SAMPLE_RATE)
        for part in (*resampler.resample(frame), None):
            container.mux(stream.encode(part))


if __name__ == "__main__":
    main()
