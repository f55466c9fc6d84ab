"""`python -m api`: serve the REST API."""

from __future__ import annotations

import logging
import sys

import uvicorn

from api.app import create_app
from api.codec_pages import NoTokenInPath
from errors import SetupError
from settings import Settings


def main() -> None:
    """Serve until SIGINT or SIGTERM, then finish the requests under way."""
    settings = Settings()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # httpx logs every URL it asks, once a health check.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # The access log holds method, path and status; tokens and prompts travel in bodies and headers, but for this one.
    logging.getLogger("uvicorn.access").addFilter(NoTokenInPath())
    uvicorn.run(
        create_app(settings),
        host=settings.api.host,
        port=settings.api.port,
        server_header=False,
        timeout_graceful_shutdown=int(settings.api.end_timeout_seconds) + 2,
    )


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(str(error))
