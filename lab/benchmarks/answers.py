"""How fast the API answers and how many sessions live at once, beside bare Temporal on the same server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

import httpx
from temporalio.client import Client

from lab.benchmarks import bare
from lab.benchmarks.report import Goal, Row
from lab.caller import SessionClient

_WARM_UP = 3


async def start_answers(client: Client, api: SessionClient, count: int) -> Row:
    """POST /api/session/start and bare update-with-start by turns: both meet the same moments."""
    ours: list[float] = []
    peer: list[float] = []
    notes: list[str] = []
    for number in range(count + _WARM_UP):
        bare_taken, handle = await bare.start(client)
        await bare.end(handle)
        try:
            began = perf_counter()
            started = await api.start("benchmark")
            taken = perf_counter() - began
            await api.end(started.session_id)
        except httpx.HTTPError as error:
            notes.append(str(error))
            continue
        if number >= _WARM_UP:
            ours.append(taken)
            peer.append(bare_taken)
    return Row(
        "answer to a start",
        ours,
        peer,
        "update-with-start",
        goal=Goal(1.2, "ratio"),
        failures=len(notes),
        notes=notes,
    )


async def bare_ends(client: Client, count: int) -> list[float]:
    """Seconds from a signal to the result of an empty workflow."""
    return [await bare.end((await bare.start(client))[1]) for _ in range(count)]


async def whole_lives(client: Client, api: SessionClient, at_once: int, blocks: int, per_block: int) -> Row:
    """Sessions a second from start to bill, nobody joining, beside bare start, signal and result.

    The bare blocks come first: after ours, agents that are still leaving would slow them down.
    """
    notes: list[str] = []

    async def our_life() -> None:
        try:
            await api.end((await api.start("benchmark")).session_id)
        except httpx.HTTPError as error:
            notes.append(str(error))

    async def bare_life() -> None:
        await bare.end((await bare.start(client))[1])

    ours: list[float] = []
    peer: list[float] = []
    for _ in range(blocks):
        peer.append(await _rate(bare_life, at_once, per_block))
    for _ in range(blocks):
        failed_before = len(notes)
        whole = await _rate(our_life, at_once, per_block)
        ours.append(whole * (1 - (len(notes) - failed_before) / per_block))
    return Row(
        f"whole lives, {at_once} at once", ours, peer, "start, signal, result", "/s", failures=len(notes), notes=notes
    )


async def _rate(life: Callable[[], Awaitable[None]], at_once: int, count: int) -> float:
    left = iter(range(count))

    async def line() -> None:
        for _ in left:
            await life()

    began = perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(line())
    return count / (perf_counter() - began)
