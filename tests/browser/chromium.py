"""Finds Chromium for the tests: Debian's, installed if possible, or Playwright's download."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


def chromium() -> str | None:
    """The executable, installed if necessary; None for Playwright's own. Fails with a list of the attempts."""
    found = _installed()
    if found:
        return found
    tried = [f"PATH: none of {', '.join(_NAMES)}"]
    if os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update"], ["apt-get", "install", "--yes", "chromium", "fonts-liberation"]):
            tried += _failure(command, {**os.environ, "DEBIAN_FRONTEND": "noninteractive"})
        if found := _installed():
            return found
    else:
        tried.append("apt-get: not root, or not Debian")
    failure = _failure([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ))
    if failure:
        pytest.fail(
            "The browser tests need Chromium, and none could be installed:\n"
            + "\n".join(f"  - {line}" for line in (*tried, *failure))
            + "\nInstall it (Debian: `apt-get install chromium`) and run them again."
        )
    return None


def _installed() -> str | None:
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


def _failure(command: list[str], environment: dict[str, str]) -> list[str]:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode == 0:
        return []
    lines = (done.stdout + done.stderr).strip().splitlines()
    return [f"{Path(command[0]).name} {command[1]}: {lines[-1] if lines else done.returncode}"]
