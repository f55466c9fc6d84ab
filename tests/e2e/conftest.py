"""The whole real stack, once for all end-to-end tests, and what they look at it through."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from chaos.world import World, world_of
from settings import SessionSettings, Settings
from stack.caller import speech
from stack.local_stack import LocalStack

ABSENCE_SECONDS = 6.0
"""No-show and reconnect grace of these sessions: long enough to come back in, short enough to wait for."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    timers = SessionSettings(no_show_seconds=ABSENCE_SECONDS, reconnect_grace_seconds=ABSENCE_SECONDS)
    settings = replace(Settings(), session=timers)
    speech.warm_up()
    with LocalStack.isolated(tmp_path_factory.mktemp("stack"), settings) as running:
        yield running


@pytest.fixture
async def world(stack: LocalStack) -> AsyncIterator[World]:
    async with world_of(stack) as world:
        yield world
