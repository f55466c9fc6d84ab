"""The stand-in of hosted providers, as the agent's own parts use it."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import TestServer
from livekit import rtc
from livekit.agents.llm import ChatContext
from livekit.agents.utils import http_context

from agent.speech import SpeechModels, load
from contracts.agent_options import DEFAULT_VOICE
from lab.hosted_stand_in import ANSWER, HEARD, build_app, tone, with_hosted_providers
from settings import Settings
from stack.processes.ports import free_ports


@pytest.fixture
def at_a_port() -> tuple[int, SpeechModels]:
    """A free port, and an agent's models that expect the stand-in there. They are loaded outside the event loop."""
    (port,) = free_ports(1)
    return port, load(with_hosted_providers(Settings(), port).speech)


async def test_an_agent_hears_thinks_and_speaks_with_it(at_a_port: tuple[int, SpeechModels]) -> None:
    port, models = at_a_port
    async with TestServer(build_app(), port=port), http_context.open():
        parts = models.for_voice(DEFAULT_VOICE)
        heard = await parts.stt.recognize(rtc.AudioFrame.create(24_000, 1, 24_000))
        assert heard.alternatives[0].text == HEARD

        context = ChatContext.empty()
        context.add_message(role="user", content=HEARD)
        async with parts.llm.chat(chat_ctx=context) as answer:
            words = [chunk.delta.content async for chunk in answer if chunk.delta and chunk.delta.content]
        assert "".join(words).strip() == ANSWER

        async with parts.tts.synthesize(ANSWER) as speech:
            seconds = sum([audio.frame.duration async for audio in speech])
        assert abs(seconds - len(ANSWER) / 16) < 0.1
        await parts.stt.aclose()
        await parts.tts.aclose()
        await parts.llm.aclose()


def test_a_longer_text_takes_longer_within_limits() -> None:
    assert len(tone("")) < len(tone("x" * 100)) < len(tone("x" * 1_000)) == len(tone("x" * 10_000))
