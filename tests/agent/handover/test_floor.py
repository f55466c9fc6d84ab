"""One agent at a time has the floor, and each sentence of the caller is taken by exactly one."""

from __future__ import annotations

import asyncio

import pytest

from agent.handover.floor import Floor


async def test_a_turn_waits_until_it_is_known_whose_it_is() -> None:
    floor = Floor()
    waiting = asyncio.create_task(floor.owns_turn(turn_at=100.0))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.02)
    assert floor.take(last_turn_at=90.0)
    assert await waiting


@pytest.mark.parametrize(("heard_at", "mine"), [(99.0, False), (100.0, False), (101.0, False), (102.0, True)])
async def test_what_the_predecessor_has_taken_is_not_answered_again(heard_at: float, mine: bool) -> None:
    floor = Floor()
    floor.take(last_turn_at=100.0)
    assert await floor.owns_turn(heard_at) is mine


async def test_without_earlier_turns_every_turn_is_mine() -> None:
    floor = Floor()
    assert floor.take(last_turn_at=0)
    assert await floor.owns_turn(0.5)


async def test_a_floor_that_was_passed_on_never_comes_back() -> None:
    floor = Floor()
    floor.take(last_turn_at=0)
    held = [floor.held]
    floor.release()
    held.append(floor.held)
    assert held == [True, False]
    assert not await floor.owns_turn(1_000.0)
    assert not floor.take(last_turn_at=0)


async def test_a_newcomer_may_give_its_claim_away_before_it_has_the_floor() -> None:
    floor = Floor()
    waiting = asyncio.create_task(floor.owns_turn(turn_at=100.0))
    floor.release()
    assert not await waiting
    assert not floor.take(last_turn_at=0)
