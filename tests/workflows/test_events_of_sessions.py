"""The story of sessions as their watchers are told it."""

from __future__ import annotations

import pytest

from contracts.events import EventsRequest
from contracts.statuses import AgentState
from tests.workflows.driver import Session
from workflows.voice_session import VoiceSession

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def told(session: Session) -> list[tuple[str, ...]]:
    """The log of a session, in short."""
    page = await session.handle.query(VoiceSession.events, EventsRequest())
    assert [event.id for event in page.events] == list(range(1, page.last + 1))
    names = ("state", "kind", "text", "endReason")
    return [
        (event.type, *(str(event.data[name]) for name in (*names, "generation", "reason") if event.data.get(name)))
        for event in page.events
    ]


async def test_the_record_answers_as_the_workflow_does(session: Session) -> None:
    session.request = session.request.model_copy(update={"webhook_url": "https://customer.example/hook"})
    agent = await session.in_conversation()
    await agent.say("Hello!")
    await agent.say("What is the time?", role="caller")
    await session.end()
    log = (await session.handle.result()).log
    assert log is not None
    assert log.turns == await session.turns()
    for after in (0, 5, 99):
        request = EventsRequest(after=after, limit=7)
        assert log.page(request) == await session.handle.query(VoiceSession.events, request)
        assert log.redelivery_plan(request) == await session.handle.query(VoiceSession.webhooks, request)


async def test_events_of_a_call_whose_agent_is_lost(session: Session) -> None:
    first = await session.in_conversation()
    await first.say("Hello!")
    await first.crash()
    await session.agent()
    await session.until(AgentState.READY)
    await session.leave()
    await session.join("PA_2")
    await session.end()
    await session.result()
    lost, *rest = [each for each in await told(session) if each[:2] == ("agent.state", "lost")]
    assert lost[2] == "1" and not rest
    assert [each[:2] for each in await told(session)] == [
        ("session.state", "starting"),
        ("agent.state", "queued"),
        ("agent.state", "launching"),
        ("agent.state", "ready"),
        ("session.state", "waiting"),
        ("caller.presence", "joined"),
        ("session.state", "active"),
        ("turn", "Hello!"),
        ("agent.state", "lost"),
        ("agent.state", "queued"),
        ("agent.state", "launching"),
        ("agent.state", "ready"),
        ("caller.presence", "left"),
        ("session.state", "reconnecting"),
        ("caller.presence", "joined"),
        ("session.state", "active"),
        ("session.state", "ending"),
        ("agent.state", "stopped"),
        ("session.ended", "api_request"),
    ]


async def test_events_of_a_drain(session: Session) -> None:
    first = await session.in_conversation()
    await first.drain()
    second = await session.agent(ready=False)
    await second.claim()
    await second.ready()
    await session.until(AgentState.READY)
    await first.leave("drained", handed_over=True)
    await session.end()
    await session.result()
    agents = [(each[1], each[2]) for each in await told(session) if each[0] == "agent.state"]
    assert agents[:7] == [
        ("queued", "1"),
        ("launching", "1"),
        ("ready", "1"),
        ("draining", "1"),
        ("queued", "2"),
        ("launching", "2"),
        ("ready", "2"),
    ]
    assert sorted(agents[7:]) == [("stopped", "1"), ("stopped", "2")]


async def test_events_of_a_session_without_a_join_token(session: Session) -> None:
    session.scene.join_token_failures = 2
    await session.start()
    await session.result()
    assert await told(session) == [
        ("session.state", "starting"),
        ("session.state", "ending"),
        ("session.ended", "error"),
    ]
