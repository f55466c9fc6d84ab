"""Hosted providers: livekit-agents' plugins with our settings, against fakes of their wire protocols."""

from __future__ import annotations

import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, APIStatusError, stt
from pydantic import SecretStr

from agent.speech.hosted import OPENAI_VOICES
from agent.speech.providers import STT_PROVIDERS, TTS_PROVIDERS, load_provider
from contracts.agent_options import VOICES
from settings import SpeechSettings
from tests.fakes.speech_services import HEARD, SOUND, SpeechServices

SECRET = "a-secret-key"
NO_RETRY = APIConnectOptions(max_retry=0, timeout=5)
STREAMING = ["deepgram/nova-3", "assemblyai/universal-streaming-english"]
VOICED = ["inworld/inworld-tts-1.5-max", "openai/gpt-4o-mini-tts", "local/default"]


def settings(services: SpeechServices) -> SpeechSettings:
    key = SecretStr(SECRET)
    return SpeechSettings(
        deepgram_api_key=key,
        deepgram_base_url=f"{services.url}/v1/listen",
        assemblyai_api_key=key,
        assemblyai_base_url=services.url.replace("http", "ws"),
        inworld_api_key=key,
        inworld_base_url=services.url,
        openai_api_key=key,
        openai_base_url=f"{services.url}/v1",
        speech_base_url=f"{services.url}/v1",
    )


def sound(seconds: float = 0.5, rate: int = 48_000) -> rtc.AudioFrame:
    samples = int(seconds * rate)
    return rtc.AudioFrame(b"\0\1" * samples, rate, 1, samples)


async def hear(services: SpeechServices, choice: str) -> list[stt.SpeechEvent]:
    """Return the events of one question."""
    recognizer = load_provider("STT", choice, STT_PROVIDERS, settings(services))()
    events: list[stt.SpeechEvent] = []
    async with recognizer.stream(conn_options=NO_RETRY) as stream:
        stream.push_frame(sound())
        stream.flush()
        async for event in stream:
            events.append(event)
            if event.type is stt.SpeechEventType.END_OF_SPEECH:
                break
    return events


async def say(services: SpeechServices, choice: str, voice: str, *, streaming: bool) -> bytes:
    """Return the audio of a sentence, without livekit-agents' padding."""
    tts_part = load_provider("TTS", choice, TTS_PROVIDERS, settings(services))(voice)
    try:
        if not streaming:
            return bytes((await tts_part.synthesize("Two euros.", conn_options=NO_RETRY).collect()).data).rstrip(b"\0")
        async with tts_part.stream(conn_options=NO_RETRY) as stream:
            stream.push_text("Two euros.")
            stream.end_input()
            return b"".join([bytes(event.frame.data) async for event in stream]).rstrip(b"\0")
    finally:
        await tts_part.aclose()


@pytest.mark.parametrize("choice", STREAMING)
async def test_a_streamed_question_gives_interim_and_final_transcripts(services: SpeechServices, choice: str) -> None:
    events = await hear(services, choice)
    transcripts = [(event.type, event.alternatives[0].text) for event in events if event.alternatives]
    assert transcripts[0] == (stt.SpeechEventType.INTERIM_TRANSCRIPT, "What do")
    assert transcripts[-1] == (stt.SpeechEventType.FINAL_TRANSCRIPT, HEARD)
    kinds = [event.type for event in events if event.type is not stt.SpeechEventType.RECOGNITION_USAGE]
    assert kinds[0] is stt.SpeechEventType.START_OF_SPEECH
    assert services.audio_bytes == pytest.approx(16_000, rel=0.02)  # half a second of 16-bit samples at 16 kHz


async def test_deepgram_receives_key_and_options(services: SpeechServices) -> None:
    await hear(services, "deepgram/nova-3")
    [asked] = services.asked
    assert asked.headers["authorization"] == f"Token {SECRET}"
    assert {name: asked.query[name] for name in ("model", "sample_rate", "encoding", "interim_results")} == {
        "model": "nova-3",
        "sample_rate": "16000",
        "encoding": "linear16",
        "interim_results": "true",
    }
    assert {"type": "Finalize"} in services.messages


async def test_assemblyai_receives_key_and_options(services: SpeechServices) -> None:
    await hear(services, "assemblyai/universal-streaming-english")
    [asked] = services.asked
    assert asked.headers["authorization"] == SECRET
    assert {name: asked.query[name] for name in ("speech_model", "sample_rate", "encoding")} == {
        "speech_model": "universal-streaming-english",
        "sample_rate": "16000",
        "encoding": "pcm_s16le",
    }


async def test_openai_transcribes_a_whole_utterance(services: SpeechServices) -> None:
    recognizer = load_provider("STT", "openai/gpt-4o-mini-transcribe", STT_PROVIDERS, settings(services))()
    assert not recognizer.capabilities.streaming  # the session segments speech by VAD
    event = await recognizer.recognize([sound()], conn_options=NO_RETRY)
    assert event.alternatives[0].text == HEARD
    [asked] = services.asked
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert asked.body["model"] == "gpt-4o-mini-transcribe"
    assert asked.body["language"] == "en"
    assert services.audio_bytes > 48_000


@pytest.mark.parametrize("voice", VOICES)
async def test_inworld_uses_its_own_voices(services: SpeechServices, voice: str) -> None:
    assert await say(services, "inworld/inworld-tts-1.5-max", voice, streaming=True) == SOUND
    create = next(order["create"] for order in services.messages if "create" in order)
    assert (create["voiceId"], create["modelId"]) == (voice, "inworld-tts-1.5-max")
    assert (create["audioConfig"]["audioEncoding"], create["audioConfig"]["sampleRateHertz"]) == ("PCM", 24_000)
    assert "".join(order["send_text"]["text"] for order in services.messages if "send_text" in order) == "Two euros."
    assert services.asked[0].headers["authorization"] == f"Basic {SECRET}"


async def test_inworld_synthesizes_a_complete_text(services: SpeechServices) -> None:
    assert await say(services, "inworld/inworld-tts-2", "Priya", streaming=False) == SOUND
    [asked] = services.asked
    assert asked.headers["authorization"] == f"Basic {SECRET}"
    assert (asked.body["text"], asked.body["voiceId"], asked.body["modelId"]) == (
        "Two euros.",
        "Priya",
        "inworld-tts-2",
    )


@pytest.mark.parametrize("voice", VOICES)
async def test_openai_uses_the_nearest_voice(services: SpeechServices, voice: str) -> None:
    assert await say(services, "openai/gpt-4o-mini-tts", voice, streaming=False) == SOUND
    [asked] = services.asked
    assert asked.headers["authorization"] == f"Bearer {SECRET}"
    assert {name: asked.body[name] for name in ("model", "voice", "input", "response_format")} == {
        "model": "gpt-4o-mini-tts",
        "voice": OPENAI_VOICES[voice],
        "input": "Two euros.",
        "response_format": "pcm",
    }


def test_the_six_voices_have_distinct_openai_voices() -> None:
    assert set(OPENAI_VOICES) == set(VOICES)
    assert len(set(OPENAI_VOICES.values())) == len(VOICES)


@pytest.mark.parametrize("choice", VOICED)
async def test_an_unknown_voice_is_refused(services: SpeechServices, choice: str) -> None:
    with pytest.raises(ValueError, match=r"'Bob'.*Ashley"):
        load_provider("TTS", choice, TTS_PROVIDERS, settings(services))("Bob")


@pytest.mark.parametrize("status", [401, 429, 500])
@pytest.mark.parametrize("choice", STREAMING)
async def test_a_refused_stream_is_an_error_without_the_key(services: SpeechServices, choice: str, status: int) -> None:
    services.status = status
    with pytest.raises(APIError) as refused:
        await hear(services, choice)
    assert SECRET not in repr(refused.value)


@pytest.mark.parametrize("choice", STREAMING)
async def test_a_closed_stream_is_an_error(services: SpeechServices, choice: str) -> None:
    services.hang_up = True
    with pytest.raises(APIError):
        await hear(services, choice)


@pytest.mark.parametrize("status", [401, 429, 500])
@pytest.mark.parametrize("choice", VOICED)
async def test_a_refused_sentence_is_an_error_without_the_key(
    services: SpeechServices, choice: str, status: int
) -> None:
    services.status = status
    with pytest.raises(APIStatusError) as refused:
        await say(services, choice, "Ashley", streaming=False)
    assert refused.value.status_code == status
    assert SECRET not in repr(refused.value)
