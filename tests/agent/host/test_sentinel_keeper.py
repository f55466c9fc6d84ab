"""The AgentServer's side of the sentinel: it is kept alive, kept told, and let go."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.service import ConnectConfig

from agent.host import sentinel_keeper
from agent.host.sentinel import connection_line, exited_line, running_line
from agent.host.sentinel_keeper import SentinelKeeper

CONNECTION = ConnectConfig(target_host="127.0.0.1:1")
FIRST_LINE = connection_line(CONNECTION)


class Client:
    namespace = "default"

    class service_client:
        config = CONNECTION


class Scribes:
    """Stand for sentinels: each notes what it is told in a file of its own, until its input ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.started: list[subprocess.Popen[bytes]] = []

    def start(self, command: tuple[str, ...]) -> subprocess.Popen[bytes]:
        assert command[1:] == ("-m", "agent.host.sentinel", "default", "AgentServerEnded", "text")
        process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=self._notes(len(self.started)).open("wb"))  # noqa: S607
        self.started.append(process)
        return process

    async def heard(self, number: int, expected: bytes) -> None:
        """Wait until this one, counted from 0, was told exactly this."""
        async with asyncio.timeout(10):
            while len(self.started) <= number or self._notes(number).read_bytes() != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def _notes(self, number: int) -> Path:
        return self._folder / f"notes-{number}"


@pytest.fixture
def scribes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scribes:
    made = Scribes(tmp_path)
    monkeypatch.setattr(sentinel_keeper, "_start", made.start)
    monkeypatch.setattr(sentinel_keeper, "_RESTART_SECONDS", 0)
    return made


@pytest.fixture
async def keeper(scribes: Scribes) -> AsyncIterator[SentinelKeeper]:
    kept = SentinelKeeper()
    client: Any = Client()
    kept.start(client)
    yield kept
    await kept.aclose()


async def test_tells_who_runs_and_who_is_gone(keeper: SentinelKeeper, scribes: Scribes) -> None:
    keeper.running("early", b"1")  # before the sentinel has started
    await scribes.heard(0, FIRST_LINE + running_line("early", b"1"))
    keeper.running("late", b"2")
    keeper.exited("early")
    keeper.exited("unknown")
    told = FIRST_LINE + running_line("early", b"1") + running_line("late", b"2") + exited_line("early")
    await scribes.heard(0, told)
    keeper.exited("late")


async def test_another_takes_over_from_one_that_died(
    keeper: SentinelKeeper, scribes: Scribes, caplog: pytest.LogCaptureFixture
) -> None:
    await scribes.heard(0, FIRST_LINE)
    keeper.running("a", b"1")
    keeper.running("b", b"2")
    keeper.exited("a")
    await scribes.heard(0, FIRST_LINE + running_line("a", b"1") + running_line("b", b"2") + exited_line("a"))
    assert keeper.pid == scribes.started[0].pid
    os.kill(scribes.started[0].pid, signal.SIGKILL)
    await scribes.heard(1, FIRST_LINE + running_line("b", b"2"))
    assert keeper.pid == scribes.started[1].pid
    assert "ended with status -9" in caplog.text
    keeper.exited("b")


async def test_ends_it_when_nothing_runs(keeper: SentinelKeeper, scribes: Scribes) -> None:
    await scribes.heard(0, FIRST_LINE)
    await keeper.aclose()
    assert scribes.started[0].returncode is not None


async def test_leaves_it_at_work_when_something_is_not_settled(keeper: SentinelKeeper, scribes: Scribes) -> None:
    await scribes.heard(0, FIRST_LINE)
    keeper.running("unsettled", b"1")
    await keeper.aclose()
    assert scribes.started[0].returncode is None  # nobody waited for it; its input has ended all the same
    assert await asyncio.to_thread(scribes.started[0].wait, 10) == 0
