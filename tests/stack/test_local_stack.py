"""The stack on real servers: restarts, kept state, the lock of its folder, no orphans."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from temporalio.client import Client

from errors import SetupError
from settings import Settings
from stack.local_stack import LocalStack
from stack.processes.orphans import marked
from stack.processes.ports import require_free
from stack.processes.programs import port_uses
from stack.processes.waiting import wait_until
from stack.state_lock import stop_running

pytestmark = pytest.mark.slow

SERVERS = ("temporal", "livekit")
HOLDER = """
import sys, time
from pathlib import Path
from stack.local_stack import LocalStack
stack = LocalStack.isolated(Path(sys.argv[1]), parts=("temporal", "livekit"))
stack.start()
print("up", flush=True)
time.sleep(600)
"""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[LocalStack]:
    with LocalStack.isolated(tmp_path, parts=SERVERS) as running:
        yield running


def test_killed_process_is_restarted(stack: LocalStack) -> None:
    killed = stack.pid("livekit")
    process = psutil.Process(killed)
    process.kill()
    process.wait(5)
    stack.wait_ready("livekit")
    assert stack.pid("livekit") != killed


def test_no_process_is_left_after_stop(tmp_path: Path) -> None:
    stack = LocalStack.isolated(tmp_path, parts=SERVERS)
    with stack:
        assert len(marked(stack.state_dir)) >= len(SERVERS) + 1
        settings = stack.settings
    assert marked(stack.state_dir) == []
    require_free(port_uses(settings, SERVERS))


async def test_second_start_finds_the_earlier_state(tmp_path: Path) -> None:
    async def client(stack: LocalStack) -> Client:
        return await Client.connect(stack.settings.temporal.address)

    with LocalStack.isolated(tmp_path, parts=["temporal"]) as first:
        await (await client(first)).start_workflow("Nobody", id="kept", task_queue="none")
    with LocalStack.isolated(tmp_path, parts=["temporal"]) as second:
        assert (await (await client(second)).get_workflow_handle("kept").describe()).id == "kept"


def test_second_stack_in_the_same_folder_is_refused(stack: LocalStack, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=f"already runs here \\(process {os.getpid()}"):
        LocalStack.isolated(tmp_path, parts=SERVERS).start()
    assert stack.pid("temporal")


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_no_process_is_left_when_the_starter_ends(tmp_path: Path, how: str) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:  # noqa: S603
        assert holder.stdout
        assert holder.stdout.readline() == "up\n"
        assert len(marked(tmp_path)) >= len(SERVERS) + 1
        if how == "killed":
            holder.send_signal(signal.SIGKILL)
        else:
            assert stop_running(tmp_path) == "The stack is stopped."
    wait_until(lambda: ", ".join(map(str, marked(tmp_path))) or None, 15, "the end of the processes")
    assert stop_running(tmp_path) == f"No stack runs from {tmp_path}."


def test_crash_loop_is_reported_with_the_end_of_the_log(tmp_path: Path) -> None:
    broken = tmp_path / "livekit"
    broken.write_text("#!/bin/sh\necho the reason is here\nexit 3\n")
    broken.chmod(0o755)
    stack = LocalStack.isolated(tmp_path / "state", _with_livekit(broken), parts=["livekit"])
    began = time.monotonic()
    with pytest.raises(SetupError, match=r"(?s)LiveKit keeps exiting.*the reason is here"):
        stack.start()
    assert time.monotonic() - began < 20
    assert marked(stack.state_dir) == []


def _with_livekit(binary: Path) -> Settings:
    settings = Settings()
    return Settings(stack=settings.stack.model_copy(update={"livekit_binary": binary}))
