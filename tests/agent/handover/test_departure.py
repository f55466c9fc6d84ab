"""When an agent leaves, and how its departure is reported."""

from __future__ import annotations

import asyncio

import pytest

from agent.handover.departure import report_departure, wait_until_replaced
from agent.handover.protocol import HAND_OVER, HANDED_OVER, YIELD, Incumbent
from contracts.turns import Turn
from tests.fakes.host_link import FakeHostLink
from tests.fakes.rpc_rooms import FakeRoom


async def leaving(room: FakeRoom, host: FakeHostLink) -> asyncio.Task[str]:
    async def finish_speaking(_: float) -> tuple[Turn, ...]:
        return ()

    return asyncio.create_task(wait_until_replaced(host, Incumbent(room, 1, finish_speaking)))


async def test_an_agent_leaves_when_its_host_sends_it_away() -> None:
    host = FakeHostLink()
    reason = await leaving(FakeRoom("agent_1_AJ_a"), host)
    host.sent_away.put_nowait("the session is ending")
    assert await asyncio.wait_for(reason, 5) == "the session is ending"


async def test_an_agent_leaves_when_its_successor_has_taken_over() -> None:
    room, successor = FakeRoom("agent_1_AJ_a"), FakeRoom("agent_2_AJ_b")
    reason = await leaving(room, FakeHostLink())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(reason), 0.05)
    successor.meet(room)
    for method in (YIELD, HAND_OVER):
        await successor.own.perform_rpc(destination_identity="agent_1_AJ_a", method=method, payload='{"generation": 2}')
    assert await asyncio.wait_for(reason, 5) == HANDED_OVER


@pytest.mark.parametrize(
    ("reason", "handed_over"), [(HANDED_OVER, True), ("parent process shutdown", True), ("it was frozen", False)]
)
async def test_only_a_handover_and_a_server_stop_count_as_handed_over(reason: str, handed_over: bool) -> None:
    host = FakeHostLink()
    await report_departure(host, reason)
    assert host.departures == [(reason, handed_over)]
