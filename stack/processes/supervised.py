"""`python -m stack.processes.supervised <fd> <config>`: supervisord that stops everything when its starter exits.

The starter holds the other end of the pipe `<fd>` and never writes. However it dies, also by `kill -9`, the pipe
closes and supervisord stops. Linux's parent-death signal would fire when the starting thread ends, not the process.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from supervisor import supervisord


def _stop_when_ended(fd: int) -> None:
    while os.read(fd, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_stop_when_ended, args=(int(sys.argv[1]),), daemon=True).start()
    supervisord.main(["--nodaemon", "--configuration", sys.argv[2]])
