"""Temporal's dev server, as far as workflow tests and recordings need it: for what the time-skipping one lacks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from contracts import search_attributes
from settings import StackSettings
from stack.servers.find import TEMPORAL, resolve

PROMPT_TIMERS = 'history.timerProcessorMaxTimeShift="10ms"'


@asynccontextmanager
async def dev_server(*dynamic_config: str, identity: str | None = None) -> AsyncIterator[WorkflowEnvironment]:
    """A server of its own with these `key=value`s of dynamic config."""
    arguments = [part for each in dynamic_config for part in ("--dynamic-config-value", each)]
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(resolve(TEMPORAL, StackSettings())),
        data_converter=pydantic_data_converter,
        search_attributes=search_attributes.ALL,
        dev_server_extra_args=arguments,
        identity=identity,
    ) as env:
        yield env
