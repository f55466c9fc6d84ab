"""`python -m agent`: what each signal does, and how the process ends when LiveKit stays away."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from agent import __main__ as program
from agent.__main__ import StopSignals, serve
from agent.host.agent_server import build_server
from agent.host.lost_jobs import JobWatch
from settings import Settings
from stack.processes.ports import free_ports
from tests.fakes.agent_server import FakeSentinel
from tests.fakes.temporal import FakeTemporal


class Stage:
    """Stands for AgentServer, watch and drain; notes what happened, in order."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.serving = asyncio.Event()
        self.draining = asyncio.Event()
        self.drained = asyncio.Event()
        self.closed = asyncio.Event()

    async def run(self) -> None:
        self.serving.set()
        await self.closed.wait()

    async def drain(self, *_: object) -> None:
        self.draining.set()
        try:
            await self.drained.wait()
        except asyncio.CancelledError:
            self.happened.append("drain cut short")
            raise
        self.happened.append("drained")

    async def aclose(self) -> None:
        self.happened.append("closed")
        self.closed.set()


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.setattr(program, "drain", made.drain)
    return made


@pytest.fixture
async def served(stage: Stage) -> asyncio.Task[None]:
    """The program, serving and listening to signals."""
    signals = StopSignals()
    signals.install()
    parts: Any = stage
    task = asyncio.create_task(serve(parts, parts, signals, 60))
    await stage.serving.wait()
    return task


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)}
    yield
    for signum, handler in before.items():
        signal.signal(signum, handler)


async def end_of(served: asyncio.Task[None]) -> None:
    await asyncio.wait_for(served, 5)


async def test_sigterm_drains_before_the_close(stage: Stage, served: asyncio.Task[None]) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stage.draining.wait(), 5)
    assert stage.happened == []
    stage.drained.set()
    await end_of(served)
    assert stage.happened == ["drained", "closed", "closed"]  # the server, then the watch over its jobs


@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
async def test_another_signal_cuts_the_drain_short(
    stage: Stage, served: asyncio.Task[None], again: signal.Signals
) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stage.draining.wait(), 5)
    os.kill(os.getpid(), again)
    await end_of(served)
    assert stage.happened == ["drain cut short", "closed", "closed"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGQUIT])
async def test_leaves_at_once(stage: Stage, served: asyncio.Task[None], signum: signal.Signals) -> None:
    os.kill(os.getpid(), signum)
    await end_of(served)
    assert not stage.draining.is_set()
    assert stage.happened == ["closed", "closed"]


async def test_a_drain_that_breaks_still_ends_in_order(
    stage: Stage, served: asyncio.Task[None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(program, "drain", broken)
    os.kill(os.getpid(), signal.SIGTERM)
    await end_of(served)
    assert stage.happened == ["closed", "closed"]
    assert "leaving without a drain" in caplog.text


async def test_ends_with_an_error_when_livekit_stays_away(
    agent_settings: Settings, temporal: FakeTemporal, sentinel: FakeSentinel
) -> None:
    (port,) = free_ports(1)
    agent = agent_settings.agent.model_copy(update={"idle_processes": 0, "health_port": port})
    server = build_server(replace(agent_settings, agent=agent))
    server.update_options(max_retry=0)
    with pytest.raises(RuntimeError, match="failed to connect to livekit"):
        await asyncio.wait_for(serve(server, JobWatch(server, agent_settings), StopSignals(), 60), 60)
    assert sentinel.told == ["start", "close"]
