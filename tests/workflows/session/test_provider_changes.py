"""A provider's failure and return stand in the session's timeline and in its events."""

from __future__ import annotations

import pytest

from contracts.agent import ProviderChanged
from contracts.events import EventsRequest
from tests.fakes.reports import reports
from tests.workflows.driver import Session
from workflows.session.current_details import provider_change
from workflows.voice_session import VoiceSession

pytestmark = pytest.mark.asyncio(loop_scope="session")

FAILED = ProviderChanged(
    generation=1, part="stt", provider="deepgram/nova-3", available=False, next_up="moonshine/tiny-en"
)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (FAILED, "generation 1: speech to text deepgram/nova-3 failed, moonshine/tiny-en takes over"),
        (
            FAILED.model_copy(update={"next_up": None}),
            "deepgram/nova-3 failed, and there is no fallback",
        ),
        (FAILED.model_copy(update={"available": True}), "speech to text deepgram/nova-3 is back"),
        (FAILED.model_copy(update={"part": "llm"}), "language model deepgram/nova-3 failed"),
        (FAILED.model_copy(update={"part": "tts"}), "text to speech deepgram/nova-3 failed"),
    ],
)
async def test_a_change_in_words(report: ProviderChanged, words: str) -> None:
    assert words in provider_change(report)


async def test_the_timeline_has_the_change(session: Session) -> None:
    await session.in_conversation()
    await session.handle.signal(VoiceSession.agent_reports, reports(FAILED))
    assert provider_change(FAILED) in await session.details()
    await session.end()
    await session.result()


async def test_the_events_have_the_change(session: Session) -> None:
    await session.in_conversation()
    await session.handle.signal(VoiceSession.agent_reports, reports(FAILED))
    await session.handle.signal(VoiceSession.agent_reports, reports(FAILED.model_copy(update={"available": True})))
    page = await session.handle.query(VoiceSession.events, EventsRequest())
    changes = [event.data for event in page.events if event.type == "provider.changed"]
    assert [(data["provider"], data["available"]) for data in changes] == [
        (FAILED.provider, False),
        (FAILED.provider, True),
    ]
    await session.end()
    await session.result()


async def test_a_batch_whose_answer_was_lost_is_taken_once(session: Session) -> None:
    await session.in_conversation()
    first = reports(FAILED).model_copy(update={"generation": 1, "number": 1})
    second = reports(FAILED.model_copy(update={"available": True})).model_copy(update={"generation": 1, "number": 2})
    for batch in (first, first, second, first, second):
        await session.handle.signal(VoiceSession.agent_reports, batch)
    page = await session.handle.query(VoiceSession.events, EventsRequest())
    assert [event.data["available"] for event in page.events if event.type == "provider.changed"] == [False, True]
    await session.end()
    await session.result()
