"""Holds calls from start to bill and records everything that their checks need."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import httpx

from contracts.turns import Turn
from lab.chaos.call_plan import CallPlan, Ending, Fault, FaultKind
from lab.chaos.call_record import CallRecord
from lab.chaos.faults import FaultInjector
from lab.chaos.phone import Phone
from lab.chaos.recovery import measure
from lab.chaos.scripted_dialogue import NoAnswerError, ScriptedDialogue
from lab.chaos.scripted_model import ScriptedModel, system_prompt
from lab.chaos.world import World

OPENING_LINE = "Hello there. Please tell me a number."
_SUMMARY_WITHIN_SECONDS = 60.0
_CLEAN_WITHIN_SECONDS = 15.0


@dataclass(frozen=True)
class Stage:
    """Where calls are held and attacked."""

    world: World
    injector: FaultInjector
    model: ScriptedModel


async def hold_calls(plan: CallPlan, beside: int, stage: Stage, on_fault: Callable[[Fault], None]) -> list[CallRecord]:
    """Hold the call of `plan`, and `beside` others that go on until it ends. Never raises: failures are in the records.

    The first record is that of `plan`.
    """
    stage.model.reset()
    stage.injector.restore_webhooks()
    is_over = asyncio.Event()

    async def attacked() -> CallRecord:
        try:
            return await _hold(plan, stage, on_fault, None)
        finally:
            is_over.set()

    others = (_hold(other, stage, on_fault, is_over) for other in plan.others(beside))
    calls = await asyncio.gather(attacked(), *others)
    for call in calls:  # only now, when none of them has processes any more
        await _examine(call, stage)
    return list(calls)


async def _hold(
    plan: CallPlan, stage: Stage, on_fault: Callable[[Fault], None], is_over: asyncio.Event | None
) -> CallRecord:
    world, injector = stage.world, stage.injector
    name = secrets.token_hex(4)
    try:
        started = await world.rest.start("chaos", openingLine=OPENING_LINE, systemPrompt=system_prompt(name))
    except httpx.HTTPError as error:
        return CallRecord(plan, "", OPENING_LINE, failure=f"it could not be started: {error}")
    call = CallRecord(plan, started.session_id, OPENING_LINE, name)
    phone = Phone(started.session_id, started.server_url, started.token)
    try:
        await phone.dial()
        await _talk(call, phone, stage, on_fault, is_over)
        if is_over is None:
            await injector.repaired()
        await _end(call, phone, world)
    except Exception as error:  # the run goes on, and the report shows it
        call.failure = f"{type(error).__name__}: {error}"
        await _give_up(call, phone, world, injector)
    await phone.hang_up()
    call.timeline, call.joined_at = phone.timeline, phone.joined_at
    return call


async def _examine(call: CallRecord, stage: Stage) -> None:
    world, model = stage.world, stage.model
    call.model_requests = tuple(request for request in model.requests if request.call == call.name)
    if not call.session_id:
        return
    try:
        call.turns = await world.transcript(call.session_id) or ()
        call.generations = await world.generations(call.session_id)
        call.left_behind = await world.left_behind(call.session_id, _CLEAN_WITHIN_SECONDS)
    except Exception as error:
        call.left_behind = (f"unknown: {type(error).__name__}: {error}",)
    measure(call)


async def _talk(
    call: CallRecord,
    phone: Phone,
    stage: Stage,
    on_fault: Callable[[Fault], None],
    is_over: asyncio.Event | None,
) -> None:
    """Talk with the faults of the plan, or beside another call until that one is over."""
    world, injector = stage.world, stage.injector
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
        while injector.repairing or (is_over and not is_over.is_set()):
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
