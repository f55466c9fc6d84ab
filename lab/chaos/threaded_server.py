"""An HTTP server in a thread of its own, so that it does not delay the caller's event loop, which measures times."""

from __future__ import annotations

import threading
from typing import Self

import uvicorn
from fastapi import FastAPI

from stack.processes.ports import free_ports
from stack.processes.waiting import wait_until


class ThreadedServer:
    """Serves `app` at `origin`, on a free port of loopback, while it is entered."""

    def __init__(self, app: FastAPI, name: str) -> None:
        (port,) = free_ports(1)
        self.origin = f"http://127.0.0.1:{port}"
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name=name, daemon=True)

    def __enter__(self) -> Self:
        """Start; returns when it listens. Raises `SetupError` when it does not."""
        self._thread.start()
        wait_until(lambda: None if self._server.started else "it is starting", 10, self._thread.name)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, also in the middle of a request."""
        self._server.should_exit = True
        self._thread.join(5)
