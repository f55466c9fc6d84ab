"""Measures answers to starts and sessions a second, beside bare Temporal on the same server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import perf_counter

import httpx
from temporalio.client import Client

from lab.benchmarks import bare_temporal
from lab.benchmarks.comparison import Goal, Row
from lab.rest_client import SessionClient

_WARM_UP = 3


async def start_answers(client: Client, api: SessionClient, count: int) -> Row:
    """Alternate POST /api/session/start and bare update-with-start, so that both see the same load."""
    ours: list[float] = []
    peer: list[float] = []
    failures: list[str] = []
    for number in range(count + _WARM_UP):
        bare_taken, handle = await bare_temporal.start(client)
        await bare_temporal.end(handle)
        try:
            began = perf_counter()
            started = await api.start("benchmark")
            taken = perf_counter() - began
            await api.end(started.session_id)
        except httpx.HTTPError as error:
            failures.append(str(error))
            continue
        if number >= _WARM_UP:
            ours.append(taken)
            peer.append(bare_taken)
    return Row("answer to a start", ours, peer, "update-with-start", goal=Goal(1.2, "ratio"), failures=failures)


async def bare_ends(client: Client, count: int) -> list[float]:
    """Measure seconds from a signal to the result of an empty workflow."""
    return [await bare_temporal.end((await bare_temporal.start(client))[1]) for _ in range(count)]


async def whole_lives(client: Client, api: SessionClient, at_once: int, blocks: int, per_block: int) -> Row:
    """Measure sessions a second from start to bill without callers, beside bare start, signal and result.

    The bare blocks come first: the cleanup after ours would slow them down.
    """
    failures: list[str] = []

    async def our_life() -> None:
        try:
            await api.end((await api.start("benchmark")).session_id)
        except httpx.HTTPError as error:
            failures.append(str(error))

    async def bare_life() -> None:
        await bare_temporal.end((await bare_temporal.start(client))[1])

    ours: list[float] = []
    peer: list[float] = []
    for _ in range(blocks):
        peer.append(await _rate(bare_life, at_once, per_block))
    for _ in range(blocks):
        failed_before = len(failures)
        whole = await _rate(our_life, at_once, per_block)
        ours.append(whole * (1 - (len(failures) - failed_before) / per_block))
    return Row(f"whole lives, {at_once} at once", ours, peer, "start, signal, result", "/s", failures=failures)


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
