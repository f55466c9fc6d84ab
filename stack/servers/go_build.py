"""Builds a server from its official Go module; Go's module proxy and checksum database verify the source."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from errors import SetupError
from stack.progress import report, still_working
from stack.servers.cache import build_folder, put_in_place

_TAIL_LINES = 5
_running: set[subprocess.Popen[str]] = set()


@dataclass(frozen=True)
class GoProgram:
    """A main package, its version, and the name that `go install` gives the executable."""

    package: str
    version: str
    binary: str


def install(program: GoProgram, target: Path, title: str) -> None:
    """Build the program and put it at `target`, which takes minutes. Raises SetupError: no Go, or a failed build."""
    go = shutil.which("go")
    if go is None:
        raise SetupError("Go 1.21 or newer is needed and `go` is not on PATH; see go.dev/dl")
    source = f"{program.package}@{program.version}"
    report(f"  {title}: building {source}; this takes some minutes, once on this machine")
    with build_folder(target) as folder:
        with still_working(f"{title}: building with Go"):
            returncode, errors = _run([go, "install", source], folder)
        if returncode != 0:
            raise SetupError(f"`go install {source}` failed: {errors}")
        put_in_place(folder / program.binary, target)


def cancel_all() -> None:
    """End every build of this process with the compilers that it started."""
    for build in list(_running):
        with suppress(ProcessLookupError):
            os.killpg(build.pid, signal.SIGTERM)


def _run(command: list[str], folder: Path) -> tuple[int, str]:
    build = subprocess.Popen(
        command,
        env={**os.environ, "GOBIN": str(folder)},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _running.add(build)
    try:
        _, errors = build.communicate()
    finally:
        _running.discard(build)
    return build.returncode, " / ".join(line.strip() for line in errors.strip().splitlines()[-_TAIL_LINES:])
