"""Child processes of a lab program, each with its own process group, ended with the block that needs them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping

from errors import SetupError
from stack.processes import readiness
from stack.processes.waiting import wait_until

_GRACE_SECONDS = 10.0
_BURN = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"


@contextlib.contextmanager
def child(*arguments: str, environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run this Python with `arguments` during the block; its output is dropped. It and its children are ended."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_SECONDS)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(_GRACE_SECONDS)


@contextlib.contextmanager
def busy_processes(count: int, seconds: float, environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """Let `count` processes take all CPU that they get during the block, and for no more than `seconds`."""
    with contextlib.ExitStack() as burning:
        for _ in range(count):
            burning.enter_context(child("-c", _BURN, str(seconds), environment=environment))
        yield


def wait_ready(process: subprocess.Popen[bytes], probe: str, what: str, seconds: float = 60) -> None:
    """Wait until the URL `probe` answers 200. Raises `SetupError` when it does not, or when the process has ended."""

    def not_ready() -> str | None:
        if (status := process.poll()) is not None:
            raise SetupError(f"{what} has ended with status {status}")
        return readiness.http(probe)

    wait_until(not_ready, seconds, what)
