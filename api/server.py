"""The HTTP server, for an application with answers that end only when somebody ends them."""

from __future__ import annotations

import socket

import uvicorn

from api.event_stream.hub import Followers


class ApiServer(uvicorn.Server):
    """Finishes the requests under way when it is told to stop, but not event streams: their watchers come back."""

    def __init__(self, config: uvicorn.Config, followers: Followers) -> None:
        super().__init__(config)
        self.followers = followers

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then whatever else there is."""
        self.followers.close()
        await super().shutdown(sockets)
