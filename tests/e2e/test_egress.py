"""No process of the stack asks a host that no setting names, watched from outside of the processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        os.geteuid() != 0 or not shutil.which("unshare") or not shutil.which("ip"),
        reason="a network of its own needs root, util-linux and iproute2",
    ),
]

CALL_WITHIN = 180


def test_a_call_needs_no_host_but_this_one(tmp_path: Path) -> None:
    command = ("unshare", "--net", sys.executable, "-m", "tests.e2e.closed_network", str(tmp_path / "stack"))
    held = subprocess.run(command, capture_output=True, text=True, timeout=CALL_WITHIN, check=False)  # noqa: S603
    assert held.returncode == 0, held.stderr[-2000:]
    assert json.loads(held.stdout.splitlines()[-1]) == []
