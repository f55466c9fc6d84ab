"""An HTTP server in a thread of its own: the caller's event loop measures times and must not wait for anybody."""

from __future__ import annotations

import threading

import uvicorn
from fastapi import FastAPI

from stack.waiting import wait_until


class ThreadedServer:
    """Serves `app` on a loopback port from `start` to `stop`."""

    def __init__(self, app: FastAPI, port: int, name: str) -> None:
        config = uvicorn.Config(app, host="127.0.0.1", port=port, log_config=None, timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; returns when it listens. Raises `SetupError` when it does not."""
        self._thread.start()
        wait_until(lambda: None if self._server.started else "it is starting", 10, self._thread.name)

    def stop(self) -> None:
        """End, cutting off what is still under way."""
        self._server.should_exit = True
        self._thread.join(5)
