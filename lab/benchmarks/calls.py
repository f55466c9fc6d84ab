"""Calls that benchmarks measure in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psutil
from livekit import rtc

from errors import SetupError
from lab.caller import Caller
from lab.rest_client import SessionClient

QUESTION = "What is the capital of France?"
CALL_ERRORS = (TimeoutError, ConnectionError, rtc.ConnectError, httpx.HTTPError, SetupError, psutil.Error)
"""A call that fails with one of these counts as a failure, and the benchmark goes on."""


@asynccontextmanager
async def benchmark_call(api: SessionClient, **options: Any) -> AsyncIterator[Caller]:
    """A caller in a session that ends with the block; `options` are fields of its start."""
    started = await api.start("benchmark", **options)
    try:
        async with Caller(started.server_url, started.token) as caller:
            yield caller
    finally:
        await api.end(started.session_id)


async def repeat(count: int, measure: Callable[[], Awaitable[float]]) -> tuple[list[float], list[str]]:
    """Measure `count` times; returns values and failures."""
    values: list[float] = []
    failures: list[str] = []
    for _ in range(count):
        try:
            values.append(await measure())
        except CALL_ERRORS as error:
            failures.append(f"{type(error).__name__} {error}")
    return values, failures
