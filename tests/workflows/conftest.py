"""One time-skipping server, worker and event loop for all workflow tests; its clock is shared, so they run in turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest_asyncio
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from contracts import search_attributes
from contracts.limits import SessionLimits
from settings import StackSettings
from stack.servers.time_skipping import resolve_temporal_test_server
from tests.fakes.activities import FakeActivities
from tests.workflows.driver import PATIENT, Session
from worker import build_worker

QUEUE = "tests"


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    async with _time_skipping() as env:
        yield env


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def time_skipping_apart() -> AsyncIterator[WorkflowEnvironment]:
    """A server of a module's own, for one that leaves the clock held."""
    async with _time_skipping() as env:
        yield env


@asynccontextmanager
async def _time_skipping() -> AsyncIterator[WorkflowEnvironment]:
    server = resolve_temporal_test_server(StackSettings())
    async with await WorkflowEnvironment.start_time_skipping(
        test_server_existing_path=str(server), data_converter=pydantic_data_converter
    ) as env:
        attributes = {key.name: key.indexed_value_type for key in search_attributes.ALL}
        await env.client.operator_service.add_search_attributes(
            AddSearchAttributesRequest(namespace=env.client.namespace, search_attributes=attributes)  # type: ignore[arg-type]
        )
        yield env


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def fakes(time_skipping: WorkflowEnvironment) -> AsyncIterator[FakeActivities]:
    async with working(time_skipping) as fakes:
        yield fakes


@asynccontextmanager
async def working(env: WorkflowEnvironment) -> AsyncIterator[FakeActivities]:
    """A worker, and what it does."""
    fakes = FakeActivities(env.client)
    async with build_worker(env.client, fakes, QUEUE, fakes):
        yield fakes


@pytest_asyncio.fixture(loop_scope="session")
async def new_session(time_skipping: WorkflowEnvironment, fakes: FakeActivities) -> Callable[..., Session]:
    """Makes sessions; call it with other `SessionLimits` where the patient defaults do not fit."""

    def make(limits: SessionLimits = PATIENT, task_queue: str = QUEUE) -> Session:
        return Session(time_skipping, fakes, task_queue, limits)

    return make


@pytest_asyncio.fixture(loop_scope="session")
async def session(new_session: Callable[..., Session]) -> Session:
    return new_session()
