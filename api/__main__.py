"""`python -m api`: serve the REST API."""

from __future__ import annotations

import logging
import socket
import sys
from contextlib import suppress

import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.auth.access import warn_if_open
from api.codec_endpoint.origins import NoTokenInPath
from api.event_stream.hub import Followers
from api.http_protocol import BoundedHttp
from api.services import services_of
from errors import SetupError
from settings import Settings
from telemetry import logs


class ApiServer(uvicorn.Server):
    """Finishes open requests at shutdown, except event streams: those never end, and their clients reconnect."""

    def __init__(self, config: uvicorn.Config, followers: Followers) -> None:
        super().__init__(config)
        self.followers = followers

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close the event streams, then shut down as usual."""
        self.followers.close()
        await super().shutdown(sockets)


def serve(app: FastAPI, settings: Settings) -> None:
    """Serve `app` until SIGINT or SIGTERM, then finish open requests."""
    logs.configure(settings.telemetry.log_format)
    # The access log has method, path and status. Tokens and prompts are in bodies and headers, except this one.
    logging.getLogger("uvicorn.access").addFilter(NoTokenInPath())
    warn_if_open(settings.api)
    with suppress(KeyboardInterrupt):
        ApiServer(server_config(app, settings), services_of(app).followers).run()


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves `app`."""
    return uvicorn.Config(
        app,
        host=settings.api.host,
        port=settings.api.port,
        forwarded_allow_ips=settings.api.forwarded_allow_ips,
        http=BoundedHttp,
        server_header=False,
        log_config=None,  # uvicorn logs through our handlers
        timeout_keep_alive=settings.api.keep_alive_seconds,
        timeout_graceful_shutdown=int(settings.api.end_timeout_seconds) + 2,
    )


if __name__ == "__main__":
    try:
        settings = Settings()
        serve(create_app(settings), settings)
    except SetupError as error:
        sys.exit(str(error))
