"""Provider failures during a call: apologies, and the agent's exit."""

from __future__ import annotations

import asyncio

import pytest
from livekit.agents import APIStatusError, ChatMessage, CloseEvent, CloseReason

from agent.conversation import provider_failures
from agent.conversation.instructions import NO_ANSWER
from agent.conversation.provider_failures import ProviderFailures, report_availability
from agent.handover.quiet import Quiet
from agent.speech.fallback import Availability
from agent.speech.language_model import IS_PREFILL
from tests.fakes.agent_session import FakeSession, provider_error
from tests.fakes.host_link import FakeHostLink


def answer(session: FakeSession) -> None:
    message = ChatMessage(role="assistant", content=["Two euros."])
    message.metrics = {"llm_node_ttft": 0.2}
    session.add(message)


@pytest.fixture(autouse=True)
def no_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_failures, "_SETTLE_SECONDS", 0)


@pytest.fixture
async def session() -> FakeSession:
    return FakeSession()


def follow(session: FakeSession, *, proven: bool = True) -> ProviderFailures:
    return ProviderFailures(session, Quiet(session), proven=proven)


async def reason(follower: ProviderFailures) -> str:
    async with asyncio.timeout(5):
        return await follower.wait_for_failure()


async def is_serving(follower: ProviderFailures) -> bool:
    for _ in range(10):
        await asyncio.sleep(0)
    waiting = asyncio.ensure_future(follower.wait_for_failure())
    done, _ = await asyncio.wait({waiting}, timeout=0)
    waiting.cancel()
    return not done


async def apology(session: FakeSession) -> str:
    async with asyncio.timeout(5):
        return await session.said.get()


async def test_two_failed_replies_are_apologized_for_and_the_third_makes_the_agent_exit(
    session: FakeSession,
) -> None:
    follower = follow(session)
    for _ in range(2):
        session.fail("llm_error")
        assert await apology(session) == NO_ANSWER
    assert await is_serving(follower)
    session.fail("llm_error")
    assert await reason(follower) == "the language model failed"
    assert session.said.empty()


@pytest.mark.parametrize(
    ("status", "apologies"), [(401, 0), (403, 0), (404, 0), (400, 1), (422, 1), (429, 2), (503, 2)]
)
async def test_the_agent_exits_earlier_if_the_failure_will_not_pass(
    session: FakeSession, status: int, apologies: int, caplog: pytest.LogCaptureFixture
) -> None:
    follower = follow(session)
    error = APIStatusError("what the caller said", status_code=status)
    for _ in range(apologies):
        session.fail("llm_error", error=error)
        assert await apology(session) == NO_ANSWER
    assert await is_serving(follower)
    session.fail("llm_error", error=error)
    assert await reason(follower) == f"the language model failed: it answers HTTP {status}"
    assert str(status) in caplog.text
    assert "what the caller said" not in caplog.text


async def test_failed_prefills_are_ignored(session: FakeSession) -> None:
    follower = follow(session, proven=False)
    asked = IS_PREFILL.set(True)
    session.fail("llm_error")
    IS_PREFILL.reset(asked)
    assert await is_serving(follower)
    assert session.said.empty()


async def test_an_answer_resets_the_count_of_failed_replies(session: FakeSession) -> None:
    follower = follow(session)
    for _ in range(5):
        session.fail("llm_error")
        await apology(session)
        answer(session)
    assert await is_serving(follower)


async def test_there_is_no_apology_during_or_after_an_answer(session: FakeSession) -> None:
    """Preemptive generation can fail before the caller has finished."""
    follower = follow(session)
    session.agent_becomes("thinking")
    session.fail("llm_error")
    assert await is_serving(follower)
    assert session.said.empty()
    answer(session)
    session.agent_becomes("listening")
    assert await is_serving(follower)
    assert session.said.empty()


async def test_several_failures_of_one_reply_count_once(session: FakeSession) -> None:
    follower = follow(session)
    for _ in range(4):
        session.fail("llm_error")
    await apology(session)
    assert await is_serving(follower)
    assert session.said.empty()


@pytest.mark.parametrize(
    ("kind", "words"), [("llm_error", "the language model failed"), ("tts_error", "text to speech failed")]
)
async def test_the_successor_of_a_failed_agent_exits_at_its_first_failure(
    session: FakeSession, kind: str, words: str
) -> None:
    follower = follow(session, proven=False)
    session.fail(kind)
    assert await reason(follower) == words
    assert session.said.empty()


async def test_a_successor_that_has_answered_may_fail(session: FakeSession) -> None:
    follow(session, proven=False)
    answer(session)
    session.fail("llm_error")
    assert await apology(session) == NO_ANSWER


async def test_two_silent_answers_make_the_agent_exit(session: FakeSession) -> None:
    follower = follow(session)
    session.fail("tts_error")
    assert await is_serving(follower)
    session.fail("tts_error")
    assert await reason(follower) == "text to speech failed"


async def test_a_sound_resets_the_count_of_silent_answers(session: FakeSession) -> None:
    follower = follow(session)
    for _ in range(3):
        session.fail("tts_error")
        session.agent_becomes("speaking")
    assert await is_serving(follower)


async def test_a_session_closed_with_an_error_makes_the_agent_exit(session: FakeSession) -> None:
    follower = follow(session)
    session.emit("close", CloseEvent(error=provider_error("stt_error"), reason=CloseReason.ERROR))
    assert await reason(follower) == "speech to text failed"


async def test_a_session_closed_in_order_is_no_failure(session: FakeSession) -> None:
    follower = follow(session)
    session.emit("close", CloseEvent(reason=CloseReason.JOB_SHUTDOWN))
    assert await is_serving(follower)


async def test_recoverable_errors_are_ignored_and_error_texts_not_logged(
    session: FakeSession, caplog: pytest.LogCaptureFixture
) -> None:
    follower = follow(session, proven=False)
    for kind in ("stt_error", "llm_error", "tts_error"):
        session.fail(kind, recoverable=True)
    assert await is_serving(follower)
    session.fail("tts_error")
    assert "RuntimeError" in caplog.text
    assert "what the caller said" not in caplog.text


@pytest.mark.parametrize(
    ("available", "next_up", "words"),
    [(False, None, "llm of {}: a/m failed; next is none"), (True, "a/m", "llm of {}: a/m is back")],
)
def test_a_change_of_availability_is_logged_and_reported(
    available: bool, next_up: str | None, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    host = FakeHostLink()
    report_availability(host, host.accepted, Availability("llm", "a/m", available, next_up))
    assert caplog.messages == [words.format(host.accepted.session_id)]
    assert [(r.available, r.next_up, r.generation) for r in host.provider_changes] == [(available, next_up, 1)]
