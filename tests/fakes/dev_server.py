"""A gateway on a Temporal dev server of a test's own: its settings, and patience with its lists."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from api.gateway.session_reader import SessionReader
from api.schemas.session_queries import SessionFilter, SessionListResponse
from settings import ApiSettings, Settings, TemporalSettings

QUEUE = "gateway-tests"
PATIENCE_SECONDS = 20

Start = Callable[..., Awaitable[str]]
"""Starts a session of `user` with `metadata` and `webhook_url`, and returns its id."""


def settings_at(address: str, *, start_timeout_seconds: float = 10) -> Settings:
    """Patience with ends is short, so that those that take long are tried too."""
    return replace(
        Settings(),
        temporal=TemporalSettings(address=address, task_queue=QUEUE),
        api=ApiSettings(start_timeout_seconds=start_timeout_seconds, end_timeout_seconds=2.5),
    )


async def listed(
    known: SessionReader, as_expected: Callable[[SessionListResponse], bool], **wanted: object
) -> SessionListResponse:
    """The list, once the visibility store has caught up, which can only be asked."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not as_expected(page := await known.find(SessionFilter.model_validate(wanted))):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return page
