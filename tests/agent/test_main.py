"""`python -m agent`: its signals, and its end when LiveKit is unreachable."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import cast

import pytest
from livekit.agents import AgentServer

from agent import __main__ as program
from agent.__main__ import StopSignals, serve
from agent.host.jobs import Jobs


class Stage:
    """Stands in for AgentServer, jobs and drain; records what happens, in order."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.serving = asyncio.Event()
        self.draining = asyncio.Event()
        self.drained = asyncio.Event()
        self.closed = asyncio.Event()
        self.broken = asyncio.Event()
        self.pulled = ""

    async def pull(self) -> None:
        try:
            await self.broken.wait()
        except asyncio.CancelledError:
            self.pulled = "cancelled"
            raise
        raise RuntimeError("the worker gave up")

    async def run(self, *, unregistered: bool) -> None:
        assert unregistered, "LiveKit must dispatch nothing to it"
        self.serving.set()
        await self.closed.wait()

    async def drain(self, *_: object) -> None:
        self.draining.set()
        try:
            await self.drained.wait()
        except asyncio.CancelledError:
            self.happened.append("drain cancelled")
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
    """The program, serving and handling signals."""
    signals = StopSignals()
    signals.install()
    task = asyncio.create_task(serve(cast("AgentServer", stage), stage.pull(), cast("Jobs", stage), signals, 60))
    await stage.serving.wait()
    return task


@pytest.fixture(autouse=True)
def restored_signals() -> Iterator[None]:
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
    assert stage.happened == ["drained", "closed", "closed"]  # the server, then its jobs


@pytest.mark.parametrize("again", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_cancels_the_drain(
    stage: Stage, served: asyncio.Task[None], again: signal.Signals
) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stage.draining.wait(), 5)
    os.kill(os.getpid(), again)
    await end_of(served)
    assert stage.happened == ["drain cancelled", "closed", "closed"]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGQUIT])
async def test_sigint_and_sigquit_stop_at_once(
    stage: Stage, served: asyncio.Task[None], signum: signal.Signals
) -> None:
    os.kill(os.getpid(), signum)
    await end_of(served)
    assert not stage.draining.is_set()
    assert stage.happened == ["closed", "closed"]


async def test_a_failing_drain_still_closes_everything(
    stage: Stage, served: asyncio.Task[None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(program, "drain", broken)
    os.kill(os.getpid(), signal.SIGTERM)
    await end_of(served)
    assert stage.happened == ["closed", "closed"]
    assert "stopping without a drain" in caplog.text


async def test_pulling_stops_before_the_drain(stage: Stage, served: asyncio.Task[None]) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(stage.draining.wait(), 5)
    assert stage.pulled == "cancelled"
    stage.drained.set()
    await end_of(served)


async def test_the_process_ends_with_the_error_that_ended_the_pulling(stage: Stage, served: asyncio.Task[None]) -> None:
    stage.broken.set()
    await asyncio.wait_for(stage.draining.wait(), 5)  # the calls of this host are handed over first
    stage.drained.set()
    with pytest.raises(RuntimeError, match="the worker gave up"):
        await end_of(served)
    assert stage.happened == ["drained", "closed", "closed"]
