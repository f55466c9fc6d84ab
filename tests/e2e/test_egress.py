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
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as call:  # noqa: S603
        try:
            out, problems = call.communicate(timeout=CALL_WITHIN)
        except subprocess.TimeoutExpired:
            call.terminate()  # it ends its stack
            out, problems = call.communicate()
    assert call.returncode == 0, problems[-2000:]
    assert json.loads(out.splitlines()[-1]) == []
