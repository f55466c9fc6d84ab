"""The real stack, started once for all end-to-end tests."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from lab.caller import speech
from lab.chaos.world import World, world_of
from settings import SessionSettings, Settings, WebhookSettings
from stack.local_stack import LocalStack
from tests.fakes.webhook_receiver import SECRET

ABSENCE_SECONDS = 6.0
"""No-show and reconnect grace period: long enough to rejoin, short enough to wait for."""


@pytest.fixture(scope="session")
def customer() -> Iterator[socket.socket]:
    """A customer's listening socket, the only allowed webhook target of this stack."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def url_of(customer: socket.socket) -> str:
    host, port = customer.getsockname()
    return f"http://{host}:{port}"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, customer: socket.socket) -> Iterator[LocalStack]:
    timers = SessionSettings(no_show_seconds=ABSENCE_SECONDS, reconnect_grace_seconds=ABSENCE_SECONDS)
    webhooks = WebhookSettings(allowed_targets=url_of(customer), signing_secrets=SecretStr(SECRET))
    settings = replace(Settings(), session=timers, webhooks=webhooks)
    speech.warm_up()
    with LocalStack.isolated(tmp_path_factory.mktemp("stack"), settings) as running:
        yield running


@pytest.fixture
async def world(stack: LocalStack) -> AsyncIterator[World]:
    async with world_of(stack) as world:
        yield world
