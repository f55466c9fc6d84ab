"""A cancellation from Temporal's UI, at any moment, is a reason to end: the clean-up is done and the bill is made."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from contracts.statuses import EndReason, SessionStatus
from tests.workflows.driver import Session

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def during_the_join_token(session: Session) -> None:
    session.scene.join_token_gate.clear()
    await session.start()
    async with asyncio.timeout(10):
        while not session.scene.join_tokens:  # noqa: ASYNC110  a local activity leaves no event before it ends
            await asyncio.sleep(0.01)


async def during_the_launch(session: Session) -> None:
    session.scene.launching = "hangs"
    await session.start()
    async with asyncio.timeout(10):
        while not session.scene.launches:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def when_an_agent_was_launched(session: Session) -> None:
    await session.start()
    await session.agent(ready=False)


async def while_waiting(session: Session) -> None:
    await session.start()
    await session.agent()
    await session.until(SessionStatus.WAITING)


async def in_conversation(session: Session) -> None:
    await session.in_conversation()


async def while_reconnecting(session: Session) -> None:
    await session.in_conversation()
    await session.leave()


async def during_a_look(session: Session) -> None:
    session.scene.look_gate.clear()
    session.scene.close_gate.clear()
    await while_waiting(session)
    await session.skip(119)
    async with asyncio.timeout(10):
        await session.scene.looked.wait()


async def while_a_newcomer_is_launched(session: Session) -> None:
    first = await session.in_conversation()
    session.scene.launching = "hangs"
    await first.drain()
    async with asyncio.timeout(10):
        while len(session.scene.launches) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def while_a_newcomer_takes_over(session: Session) -> None:
    await (await session.in_conversation()).drain()
    await (await session.agent(ready=False)).claim()


async def while_the_old_one_leaves(session: Session) -> None:
    await (await session.in_conversation()).drain()
    await session.agent()


async def between_two_newcomers(session: Session) -> None:
    await (await session.in_conversation()).drain()
    await (await session.agent(ready=False)).crash()


async def with_a_drain_on_its_way(session: Session) -> None:
    await (await session.in_conversation()).drain()


async def with_no_task_run_yet(session: Session) -> None:
    """Start and cancellation reach the worker together."""
    await session.start()


MOMENTS = [
    during_the_join_token,
    with_no_task_run_yet,
    during_the_launch,
    when_an_agent_was_launched,
    while_waiting,
    in_conversation,
    while_reconnecting,
    during_a_look,
    while_a_newcomer_is_launched,
    while_a_newcomer_takes_over,
    while_the_old_one_leaves,
    between_two_newcomers,
    with_a_drain_on_its_way,
]


@pytest.mark.parametrize("moment", MOMENTS)
async def test_cancelled(session: Session, moment: Callable[[Session], Awaitable[None]]) -> None:
    await moment(session)
    await session.handle.cancel()
    session.scene.join_token_gate.set()
    if moment is during_a_look:
        await session.until(SessionStatus.ENDING)
        session.scene.look_gate.set()
        await session.looks_over()
        session.scene.close_gate.set()
    summary = await session.result()
    assert summary.end_reason is EndReason.CANCELLED
    assert (summary.workflow_completed, summary.agent_stopped, summary.room_deleted) == (True, True, True)
    assert session.scene.closes == 1
    assert (await session.view()).state is SessionStatus.ENDED


async def test_cancelled_while_closing(session: Session) -> None:
    await session.in_conversation()
    session.scene.close_gate.clear()
    await session.end()
    await session.until(SessionStatus.ENDING)
    await session.handle.cancel()
    await session.until(SessionStatus.ENDING)
    session.scene.close_gate.set()
    summary = await session.result()
    assert (summary.end_reason, summary.room_deleted, session.scene.closes) == (EndReason.API_REQUEST, True, 1)
