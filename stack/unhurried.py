"""`python -m stack.unhurried <mark> <module>`: run a module; where supervisord has begun it before, a little later.

supervisord starts anew at once, and an AgentServer that starts takes the processor for seconds: those in which another
one takes its sessions over. Measured on two cores, this pause lets the caller hear the next agent 0.3 s earlier.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

PAUSE_SECONDS = 2.0


def is_again(mark: Path) -> bool:
    """Whether this supervisord, our parent, has begun the program before; from now on it has."""
    keeper = str(os.getppid())
    again = mark.exists() and mark.read_text() == keeper
    mark.write_text(keeper)
    return again


if __name__ == "__main__":
    if is_again(Path(sys.argv[1])):
        time.sleep(PAUSE_SECONDS)
    os.execv(sys.executable, [sys.executable, "-m", sys.argv[2]])  # noqa: S606
