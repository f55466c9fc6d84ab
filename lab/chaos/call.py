"""One chaotic call from start to bill, and everything that is needed to judge it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic

import httpx

from contracts.turns import Turn
from lab.chaos.faults import Faults
from lab.chaos.measure import measure
from lab.chaos.phone import Phone
from lab.chaos.plan import CallPlan, Ending, Kind, Strike
from lab.chaos.record import CallRecord
from lab.chaos.scripted_dialogue import Conversation, NoAnswer
from lab.chaos.scripted_model import ScriptedModel
from lab.chaos.world import World

OPENING_LINE = "Hello there. Please tell me a number."
_SUMMARY_WITHIN_SECONDS = 60.0
_CLEAN_WITHIN_SECONDS = 15.0


async def hold(
    plan: CallPlan, world: World, faults: Faults, model: ScriptedModel, tell: Callable[[Strike], None]
) -> CallRecord:
    """Hold the call of `plan`. Whatever goes wrong stands in the record."""
    model.forget()
    faults.calm()
    try:
        started = await world.rest.start("chaos", openingLine=OPENING_LINE)
    except httpx.HTTPError as error:
        return CallRecord(plan, "", OPENING_LINE, broke=f"it could not be started: {error}")
    call = CallRecord(plan, started.session_id, OPENING_LINE)
    phone = Phone(started.server_url, started.token)
    try:
        await phone.dial()
        await _talk(call, phone, world, faults, tell)
        await faults.mended()
        await _end(call, phone, world)
    except Exception as error:  # whatever it is: the next call is held, and this one stands in the report
        call.broke = f"{type(error).__name__}: {error}"
        await _give_up(call, phone, world, faults)
    await phone.hang_up()
    call.timeline, call.joined_at = phone.timeline, phone.joined_at
    call.asked = tuple(model.asked)
    try:
        call.turns = await world.transcript(call.session_id) or ()
        call.generations = await world.generations(call.session_id)
        call.left_behind = await world.left_behind(call.session_id, _CLEAN_WITHIN_SECONDS)
    except Exception as error:
        call.left_behind = (f"nobody could tell: {type(error).__name__}: {error}",)
    measure(call)
    return call


async def _talk(call: CallRecord, phone: Phone, world: World, faults: Faults, tell: Callable[[Strike], None]) -> None:
    conversation = Conversation(phone, faults, tell)
    call.exchanges, call.heard = conversation.exchanges, conversation.heard
    numbers = _numbers(call.plan)
    looks: list[asyncio.Task[tuple[Turn, ...] | None]] = []

    async def exchange(strike: Strike | None = None) -> None:
        await conversation.exchange(next(numbers), strike)
        # Beside the conversation: with Temporal away nobody can tell, and a caller does not wait for that.
        looks.append(asyncio.create_task(world.transcript(call.session_id)))

    try:
        await conversation.greeting()
        await exchange()
        for strike in call.plan.strikes:
            # A frozen agent stays frozen while its successors are struck; other parts stand again first.
            while faults.broken and strike.kind is not Kind.FREEZE:
                await exchange()
            await exchange(strike)
        while faults.broken:
            await exchange()
        await exchange()
        await phone.quiet(1.0)
    finally:
        call.snapshots = [seen for seen in await asyncio.gather(*looks) if seen is not None]


async def _end(call: CallRecord, phone: Phone, world: World) -> None:
    session = world.session(call.session_id)
    call.ended_at = monotonic()
    if call.plan.ending is Ending.HANG_UP:
        await phone.hang_up()
        async with asyncio.timeout(_SUMMARY_WITHIN_SECONDS):
            await session.result()
    call.bill = await world.rest.end(call.session_id)


async def _give_up(call: CallRecord, phone: Phone, world: World, faults: Faults) -> None:
    """After a call that broke: leave the system as the next call needs it."""
    call.ended_at = monotonic()
    with suppress(Exception):
        await faults.mended()
    with suppress(httpx.HTTPError):
        call.bill = await world.rest.end(call.session_id)
    await phone.hang_up()


def _numbers(plan: CallPlan) -> Iterator[int]:
    yield from plan.numbers
    raise NoAnswer("the call took more numbers than there are")
