"""The sentences of an answer that were played."""

from __future__ import annotations

import asyncio

import pytest
from livekit import rtc
from livekit.agents.voice.transcription import TranscriptSynchronizer

from agent.conversation.playout_captions import PlayoutCaptions
from tests.fakes.dialogue import RATE, Loudspeaker


class Captions:
    def __init__(self) -> None:
        self.sentences: list[str] = []
        self.output = PlayoutCaptions(self.sentences.append)

    async def play(self, *words: str) -> list[str]:
        for word in words:
            await self.output.capture_text(word)
        return self.sentences


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        ((), []),
        (("It is ", "sunny", "."), []),
        (("It is sunny. ",), []),
        (("It is sunny.", " And", " warm", "."), ["It is sunny."]),
        (("One. ", "Two? ", "Three! ", "Four."), ["One.", "One. Two?", "One. Two? Three!"]),
        (('He said "no." ', "Then he left."), ['He said "no."']),
        (("It costs 2.50 euros.", " Cheap."), ["It costs 2.50 euros."]),
    ],
)
async def test_a_sentence_is_reported_when_the_next_one_starts(words: tuple[str, ...], reported: list[str]) -> None:
    assert await Captions().play(*words) == reported


async def test_each_answer_starts_empty() -> None:
    captions = Captions()
    await captions.play("One. ", "Two.")
    captions.output.flush()
    assert await captions.play("Three. ", "Four.") == ["One.", "Three."]


async def test_nothing_is_reported_while_playout_is_paused() -> None:
    reported: asyncio.Queue[str] = asyncio.Queue()
    captions = TranscriptSynchronizer(
        next_in_chain_audio=Loudspeaker(), next_in_chain_text=PlayoutCaptions(reported.put_nowait), speed=4
    )
    voice = captions.audio_output
    voice.on_attached()
    captions.text_output.on_attached()
    await captions.text_output.capture_text("One two three. Four five six. Seven eight nine. Ten.")
    await voice.capture_frame(rtc.AudioFrame(bytes(2 * RATE * 5), RATE, 1, RATE * 5))
    assert await asyncio.wait_for(reported.get(), 5) == "One two three."
    voice.pause()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reported.get(), 0.5)
    voice.resume()
    assert await asyncio.wait_for(reported.get(), 5) == "One two three. Four five six."
    await captions.aclose()
