"""Holds one call from start to bill and records everything that its checks need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from time import monotonic

import httpx

from contracts.turns import Turn
from lab.chaos.call_plan import CallPlan, Ending, Fault, FaultKind
from lab.chaos.call_record import CallRecord
from lab.chaos.faults import FaultInjector
from lab.chaos.phone import Phone
from lab.chaos.recovery import measure
from lab.chaos.scripted_dialogue import NoAnswerError, ScriptedDialogue
from lab.chaos.scripted_model import ScriptedModel
from lab.chaos.world import World

OPENING_LINE = "Hello there. Please tell me a number."
_SUMMARY_WITHIN_SECONDS = 60.0
_CLEAN_WITHIN_SECONDS = 15.0


async def hold_call(
    plan: CallPlan, world: World, injector: FaultInjector, model: ScriptedModel, on_fault: Callable[[Fault], None]
) -> CallRecord:
    """Hold the call of `plan`. Never raises: failures are in the record."""
    model.reset()
    injector.restore_webhooks()
    try:
        started = await world.rest.start("chaos", openingLine=OPENING_LINE)
    except httpx.HTTPError as error:
        return CallRecord(plan, "", OPENING_LINE, failure=f"it could not be started: {error}")
    call = CallRecord(plan, started.session_id, OPENING_LINE)
    phone = Phone(started.server_url, started.token)
    try:
        await phone.dial()
        await _talk(call, phone, world, injector, on_fault)
        await injector.repaired()
        await _end(call, phone, world)
    except Exception as error:  # the run goes on, and the report shows it
        call.failure = f"{type(error).__name__}: {error}"
        await _give_up(call, phone, world, injector)
    await phone.hang_up()
    call.timeline, call.joined_at = phone.timeline, phone.joined_at
    call.model_requests = tuple(model.requests)
    try:
        call.turns = await world.transcript(call.session_id) or ()
        call.generations = await world.generations(call.session_id)
        call.left_behind = await world.left_behind(call.session_id, _CLEAN_WITHIN_SECONDS)
    except Exception as error:
        call.left_behind = (f"unknown: {type(error).__name__}: {error}",)
    measure(call)
    return call


async def _talk(
    call: CallRecord, phone: Phone, world: World, injector: FaultInjector, on_fault: Callable[[Fault], None]
) -> None:
    dialogue = ScriptedDialogue(phone, injector, on_fault)
    call.exchanges, call.heard = dialogue.exchanges, dialogue.heard
    numbers = _numbers(call.plan)
    snapshots: list[asyncio.Task[tuple[Turn, ...] | None]] = []

    async def exchange(fault: Fault | None = None) -> None:
        await dialogue.exchange(next(numbers), fault)
        # In the background: while Temporal is down it takes seconds, and a caller does not wait for that.
        snapshots.append(asyncio.create_task(world.transcript(call.session_id)))

    try:
        await dialogue.greeting()
        await exchange()
        for fault in call.plan.faults:
            # A frozen agent stays frozen during the next faults; other parts are repaired first.
            while injector.repairing and fault.kind is not FaultKind.FREEZE:
                await exchange()
            await exchange(fault)
        while injector.repairing:
            await exchange()
        await exchange()
        await phone.quiet(1.0)
    finally:
        call.snapshots = [turns for turns in await asyncio.gather(*snapshots) if turns is not None]


async def _end(call: CallRecord, phone: Phone, world: World) -> None:
    session = world.session(call.session_id)
    call.ended_at = monotonic()
    if call.plan.ending is Ending.HANG_UP:
        await phone.hang_up()
        async with asyncio.timeout(_SUMMARY_WITHIN_SECONDS):
            await session.result()
    call.bill = await world.rest.end(call.session_id)


async def _give_up(call: CallRecord, phone: Phone, world: World, injector: FaultInjector) -> None:
    """After a failed call: leave the system as the next call needs it."""
    call.ended_at = monotonic()
    with suppress(Exception):
        await injector.repaired()
    with suppress(httpx.HTTPError):
        call.bill = await world.rest.end(call.session_id)
    await phone.hang_up()


def _numbers(plan: CallPlan) -> Iterator[int]:
    yield from plan.numbers
    raise NoAnswerError("the call took more numbers than there are")
