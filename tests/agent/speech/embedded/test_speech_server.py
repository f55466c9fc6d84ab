"""The local speech server as its clients see it: OpenAI's audio API, in turns, and silent about what was said."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import httpx
import numpy as np
import openai
import pytest
from numpy.typing import NDArray

from agent.speech.embedded import speech_server
from agent.speech.embedded.speech_requests import MAX_AUDIO_BYTES, MAX_CHARACTERS, MAX_FIELD_BYTES
from agent.speech.embedded.speech_server import PAUSE, SpeechServer
from agent.speech.embedded.utterances import to_wav
from agent.speech.embedded.voices import Voice, voice_named
from lab.caller.speech import word_errors
from tests.fakes.serving import serving

ROOT = Path(speech_server.__file__).parents[3]
SPEECH = {"model": "default", "input": "Secret one. Secret two.", "voice": "Wendy", "response_format": "pcm"}
SECOND = to_wav(bytes(32_000), 16_000)


@dataclass
class Models:
    """Both models: a sentence is spoken as its own letters, audio is heard as its seconds."""

    fail_at: str = ""
    hold: str = ""
    """A sentence that takes until `go_on` is set."""
    spoken: list[tuple[str, Voice]] = field(default_factory=list)
    threads: set[threading.Thread] = field(default_factory=set)
    holding: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def transcribe(self, samples: NDArray[np.float32]) -> str:
        self.threads.add(threading.current_thread())
        if self.fail_at == "hearing":
            raise RuntimeError("Secret")
        return f"{len(samples) / 16_000:.0f}s" if len(samples) else ""

    def phonemize(self, text: str) -> list[str]:
        return [sentence for sentence in text.split(". ") if sentence.strip(".* ")]

    def speak(self, phonemes: str, voice: Voice) -> bytes:
        self.threads.add(threading.current_thread())
        self.spoken.append((phonemes, voice))
        if phonemes == self.hold:
            self.holding.set()
            self.go_on.wait(10)
        if phonemes == self.fail_at:
            raise RuntimeError(f"cannot say {phonemes}")
        return phonemes.encode()


@pytest.fixture
def models() -> Models:
    return Models()


@pytest.fixture
async def client(models: Models) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        serving(SpeechServer([models], models).app()) as url,
        aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(10)) as client,
    ):
        yield client
    models.go_on.set()


def form(file: bytes | None = SECOND, kind: str = "audio/wav", **fields: str) -> aiohttp.FormData:
    made = aiohttp.FormData({"model": "tiny-en"} | fields, default_to_multipart=True)
    if file is not None:
        made.add_field("file", file, filename="utterance", content_type=kind)
    return made


async def held(models: Models) -> None:
    assert await asyncio.to_thread(models.holding.wait, 5)


async def test_speech_is_streamed_sentence_by_sentence_outside_the_event_loop(
    client: aiohttp.ClientSession, models: Models
) -> None:
    models.hold = "Secret two."
    async with client.post("/v1/audio/speech", json=SPEECH) as answer:
        assert (answer.status, answer.content_type) == (200, "audio/pcm")
        assert await answer.content.readany() == b"Secret one"
        models.go_on.set()
        assert await answer.read() == b"Secret two."
    assert models.spoken[0] == ("Secret one", voice_named("Wendy"))
    assert threading.main_thread() not in models.threads


async def test_a_wav_file_is_whole(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/audio/speech", json=SPEECH | {"response_format": "wav", "speed": 1.0}) as answer:
        assert answer.content_type == "audio/wav"
        assert await answer.read() == to_wav(b"Secret oneSecret two.", 24_000)


@pytest.mark.parametrize("text", ["\N{SLIGHTLY SMILING FACE}", "...", "***"])
async def test_text_without_a_sound_is_a_pause(models: Models, client: aiohttp.ClientSession, text: str) -> None:
    models.phonemize = lambda text: []  # type: ignore[method-assign]
    async with client.post("/v1/audio/speech", json=SPEECH | {"input": text}) as answer:
        assert await answer.read() == PAUSE


@pytest.mark.parametrize(("seconds", "text"), [(1, "1s"), (20, "20s"), (0, "")])
async def test_audio_is_transcribed(client: aiohttp.ClientSession, models: Models, seconds: int, text: str) -> None:
    wav = to_wav(bytes(32_000 * seconds), 16_000)
    async with client.post("/v1/audio/transcriptions", data=form(wav, language="en")) as answer:
        assert await answer.json() == {"text": text}
    async with client.post("/v1/audio/transcriptions", data=form(wav, response_format="text")) as answer:
        assert (answer.content_type, await answer.text()) == ("text/plain", text)
    assert threading.main_thread() not in models.threads


@pytest.mark.parametrize(("kind", "text"), [("audio/pcm", "2s"), ("audio/pcm;rate=8000", "6s")])
async def test_raw_pcm_is_transcribed(client: aiohttp.ClientSession, kind: str, text: str) -> None:
    async with client.post("/v1/audio/transcriptions", data=form(bytes(96_000), kind)) as answer:
        assert await answer.json() == {"text": text}


async def test_long_audio_is_transcribed_in_pieces(client: aiohttp.ClientSession) -> None:
    async with client.post("/v1/audio/transcriptions", data=form(to_wav(bytes(32_000 * 45), 16_000))) as answer:
        heard = (await answer.json())["text"].split()
    assert len(heard) == 3


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ("{", 400, None),
        ("[]", 400, None),
        ({}, 400, "model"),
        ({"model": "tts-1"}, 404, "model"),
        ({"voice": "alloy"}, 400, "voice"),
        ({"input": ""}, 400, "input"),
        ({"input": "a" * (MAX_CHARACTERS + 1)}, 400, "input"),
        ({"input": None}, 400, "input"),
        ({"response_format": "mp3"}, 400, "response_format"),
        ({"speed": 2}, 400, "speed"),
        ({"input": "a" * MAX_FIELD_BYTES}, 413, None),
    ],
)
async def test_bad_requests_for_speech_are_refused(
    client: aiohttp.ClientSession, body: str | dict[str, object], status: int, param: str | None
) -> None:
    sent = body if isinstance(body, str) else json.dumps(SPEECH | body if body else {})
    async with client.post("/v1/audio/speech", data=sent) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["param"], error["type"]) == (status, param, "invalid_request_error")
    assert "Secret" not in error["message"]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (form(model="whisper-1"), 404, "model"),
        (form(None), 400, "file"),
        (form(b"no wav"), 400, "file"),
        (form(bytes(100), "audio/pcm;rate=1"), 400, "file"),
        (form(bytes(100), "audio/pcm;rate=fast"), 400, "file"),
        (form(response_format="srt"), 400, "response_format"),
        (form(language="fr"), 400, "language"),
        (form(prompt="a" * (MAX_FIELD_BYTES + 1)), 413, "prompt"),
        (form(bytes(MAX_AUDIO_BYTES + 1)), 413, "file"),
        (b"model=tiny-en", 400, None),
    ],
)
async def test_bad_requests_for_transcriptions_are_refused(
    client: aiohttp.ClientSession, body: aiohttp.FormData | bytes, status: int, param: str | None
) -> None:
    async with client.post("/v1/audio/transcriptions", data=body) as answer:
        error = (await answer.json())["error"]
    assert (answer.status, error["param"], error["type"]) == (status, param, "invalid_request_error")


async def test_a_broken_form_is_refused(client: aiohttp.ClientSession) -> None:
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    for body in (b"", b"--x\r\nno header", b"--y\r\n\r\n--y--"):
        async with client.post("/v1/audio/transcriptions", data=body, headers=kind) as answer:
            assert answer.status == 400


async def test_unknown_routes_answer_like_openai(client: aiohttp.ClientSession) -> None:
    async with client.get("/v1/nothing") as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (404, "invalid_request_error")
    async with client.get("/health") as answer:
        assert await answer.json() == {"status": "ok"}


async def test_a_failing_model_is_an_error_and_no_log_holds_text(
    client: aiohttp.ClientSession, models: Models, caplog: pytest.LogCaptureFixture
) -> None:
    models.fail_at = "hearing"
    async with client.post("/v1/audio/transcriptions", data=form()) as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (500, "server_error")
    models.fail_at = "Secret one"
    async with client.post("/v1/audio/speech", json=SPEECH) as answer:
        assert answer.status == 500
    models.fail_at = "Secret two."
    async with client.post("/v1/audio/speech", json=SPEECH) as answer:
        assert answer.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):  # an answer that merely ended would count as whole
            await answer.read()
    assert caplog.text.count("failed: RuntimeError at") == 3
    assert "Secret" not in caplog.text


async def test_a_client_that_leaves_cancels_its_sentences(
    client: aiohttp.ClientSession, models: Models, caplog: pytest.LogCaptureFixture
) -> None:
    models.hold = "two"
    async with client.post("/v1/audio/speech", json=SPEECH | {"input": "one. two. three. four"}) as answer:
        await answer.content.readany()
        await held(models)
    caplog.set_level(logging.INFO)
    await asyncio.sleep(0.1)  # for the server to see it
    models.go_on.set()
    async with client.post("/v1/audio/speech", json=SPEECH) as answer:
        await answer.read()
    assert [said for said, _ in models.spoken] == ["one", "two", "Secret one", "Secret two."]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_short_answer_does_not_wait_behind_a_long_one(client: aiohttp.ClientSession, models: Models) -> None:
    models.hold = "one"
    long = asyncio.create_task(client.post("/v1/audio/speech", json=SPEECH | {"input": "one. two. three. four"}))
    await held(models)
    short = asyncio.create_task(client.post("/v1/audio/speech", json=SPEECH | {"input": "Hi"}))
    await asyncio.sleep(0.1)
    models.go_on.set()
    for answer in await asyncio.gather(long, short):
        await answer.read()
    assert [said for said, _ in models.spoken] == ["one", "Hi", "two", "three", "four"]


def start(port: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "agent.speech.embedded.speech_server"]
    environment = os.environ | {"STACK_SPEECH_PORT": str(port), "ORT_DISABLE_TELEMETRY": ""}
    return subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


@pytest.mark.slow
def test_the_process_speaks_hears_stops_at_once_and_logs_no_text() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = start(port)
    try:
        line = next(line for line in process.stdout or () if "answer at" in line)
        assert f"http://127.0.0.1:{port}/v1" in line
        assert httpx.get(f"http://127.0.0.1:{port}/health").json() == {"status": "ok"}
        with openai.OpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="local") as client:
            assert {model.id for model in client.models.list()} == {"tiny-en", "default"}
            text = "The capital of France is Paris."
            spoken = client.audio.speech.create(input=text, model="default", voice="Ashley", response_format="wav")
            heard = client.audio.transcriptions.create(file=io.BytesIO(spoken.content), model="tiny-en")
            assert word_errors(text, heard.text) == 0
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=5)
        assert process.returncode == 0
        assert time.monotonic() - asked < 2
        assert "Paris" not in rest
    finally:
        process.kill()
        process.communicate()


def test_a_taken_port_is_named_with_the_setting_that_moves_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = start(port)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"port {port}" in said
    assert "STACK_SPEECH_PORT" in said
