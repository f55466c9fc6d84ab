"""The AgentServer's side of its sentinel: start, input, restart and end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from temporalio.client import Client
from temporalio.service import ConnectConfig

from agent.host import sentinel_keeper
from agent.host.sentinel import connection_line, job_line
from agent.host.sentinel_keeper import SentinelKeeper

CONNECTION = ConnectConfig(target_host="127.0.0.1:1")
FIRST_LINE = connection_line(CONNECTION)


class Recorders:
    """Stand in for sentinels: each writes its input to a file until the input ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        assert command[1:] == ("-m", "agent.host.sentinel", "default", "AgentServerEnded", "text")
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=self._file(len(self.started)).open("wb"))  # noqa: S607
        self.started.append(process)
        return process

    async def received(self, number: int, expected: bytes) -> None:
        """Wait until the sentinel of this number, from 0, has received exactly this."""
        async with asyncio.timeout(10):
            while len(self.started) <= number or self._file(number).read_bytes() != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def _file(self, number: int) -> Path:
        return self._folder / f"input-{number}"


@pytest.fixture
def recorders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorders:
    made = Recorders(tmp_path)
    monkeypatch.setattr(sentinel_keeper, "_start", made.start)
    monkeypatch.setattr(sentinel_keeper, "_RESTART_SECONDS", 0)
    return made


@pytest.fixture
async def keeper(recorders: Recorders) -> AsyncIterator[SentinelKeeper]:
    kept = SentinelKeeper()
    client = Mock(Client, namespace="default")
    client.service_client.config = CONNECTION
    kept.start(client)
    yield kept
    await kept.aclose()


async def test_it_sends_starts_and_exits(keeper: SentinelKeeper, recorders: Recorders) -> None:
    keeper.started("early", b"1")  # before the sentinel has started
    await recorders.received(0, FIRST_LINE + job_line("early", b"1"))
    keeper.started("late", b"2")
    keeper.exited("early")
    keeper.exited("unknown")
    expected = FIRST_LINE + job_line("early", b"1") + job_line("late", b"2") + job_line("early")
    await recorders.received(0, expected)
    keeper.exited("late")


async def test_a_new_sentinel_receives_the_running_jobs(
    keeper: SentinelKeeper, recorders: Recorders, caplog: pytest.LogCaptureFixture
) -> None:
    await recorders.received(0, FIRST_LINE)
    keeper.started("a", b"1")
    keeper.started("b", b"2")
    keeper.exited("a")
    await recorders.received(0, FIRST_LINE + job_line("a", b"1") + job_line("b", b"2") + job_line("a"))
    assert keeper.pid == recorders.started[0].pid
    os.kill(recorders.started[0].pid, signal.SIGKILL)
    await recorders.received(1, FIRST_LINE + job_line("b", b"2"))
    assert keeper.pid == recorders.started[1].pid
    assert "ended with status -9" in caplog.text
    keeper.exited("b")


async def test_the_sentinel_ends_when_no_job_runs(keeper: SentinelKeeper, recorders: Recorders) -> None:
    await recorders.received(0, FIRST_LINE)
    await keeper.aclose()
    assert recorders.started[0].returncode is not None


async def test_the_sentinel_goes_on_while_a_job_is_not_settled(keeper: SentinelKeeper, recorders: Recorders) -> None:
    await recorders.received(0, FIRST_LINE)
    keeper.started("unsettled", b"1")
    await keeper.aclose()
    assert recorders.started[0].returncode is None  # not waited for; its input has ended
    assert await asyncio.to_thread(recorders.started[0].wait, 10) == 0
