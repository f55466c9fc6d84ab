"""The floor: one agent holds it, and each turn belongs to exactly one."""

from __future__ import annotations

import asyncio

import pytest

from agent.handover.floor import Floor


async def test_a_turn_waits_until_the_floor_is_taken() -> None:
    floor = Floor()
    waiting = asyncio.create_task(floor.owns_turn(turn_at=100.0))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.02)
    assert floor.take(last_turn_at=90.0)
    assert await waiting


@pytest.mark.parametrize(("turn_at", "owned"), [(99.0, False), (100.0, False), (101.0, False), (102.0, True)])
async def test_turns_of_the_predecessor_are_not_answered_again(turn_at: float, owned: bool) -> None:
    floor = Floor()
    floor.take(last_turn_at=100.0)
    assert await floor.owns_turn(turn_at) is owned


async def test_without_earlier_turns_every_turn_is_owned() -> None:
    floor = Floor()
    assert floor.take(last_turn_at=0)
    assert await floor.owns_turn(0.5)


async def test_a_released_floor_cannot_be_taken_back() -> None:
    floor = Floor()
    floor.take(last_turn_at=0)
    held = [floor.held]
    floor.release()
    held.append(floor.held)
    assert held == [True, False]
    assert not await floor.owns_turn(1_000.0)
    assert not floor.take(last_turn_at=0)


async def test_a_waiting_claim_can_be_released() -> None:
    floor = Floor()
    waiting = asyncio.create_task(floor.owns_turn(turn_at=100.0))
    floor.release()
    assert not await waiting
    assert not floor.take(last_turn_at=0)
