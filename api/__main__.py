"""`python -m api`: serve the REST API."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress

import uvicorn

from api.app import create_app
from api.auth.access import warn_if_open
from api.middleware.codec_origins import NoTokenInPath
from api.server import ApiServer
from errors import SetupError
from settings import Settings
from telemetry import logs


def main() -> None:
    """Serve until SIGINT or SIGTERM, then finish the requests under way."""
    settings = Settings()
    logs.configure(settings.telemetry.log_format)
    # The access log holds method, path and status; tokens and prompts travel in bodies and headers, but for this one.
    logging.getLogger("uvicorn.access").addFilter(NoTokenInPath())
    app = create_app(settings)
    warn_if_open(settings.api)
    config = uvicorn.Config(
        app,
        host=settings.api.host,
        port=settings.api.port,
        forwarded_allow_ips=settings.api.forwarded_allow_ips,
        server_header=False,
        log_config=None,  # its lines take the way of all others
        timeout_graceful_shutdown=int(settings.api.end_timeout_seconds) + 2,
    )
    with suppress(KeyboardInterrupt):
        ApiServer(config, app.state.followers).run()


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(str(error))
