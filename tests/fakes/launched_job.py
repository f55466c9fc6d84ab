"""A job on its host, and its process's side of the link."""

from __future__ import annotations

import socket

from agent.host.hosted_job import Generation
from agent.host.jobs import Jobs
from agent.job_link.host_link import HostLink

GENERATION = Generation("session_1234567890_abcdef", 3, "agent_3_AJ_a", b"token")


class LaunchedJob:
    """A launched job and its process's side."""

    def __init__(self, jobs: Jobs) -> None:
        self.host, self.metadata = jobs.launch(GENERATION, "")
        self.in_room = True
        self.link: HostLink | None = None

    async def connect(self) -> HostLink:
        self.link = await HostLink.open(self.metadata, in_room=lambda: self.in_room)
        await self.link.briefing()
        return self.link

    async def die(self) -> None:
        """What `kill -9` does to the link."""
        assert self.link
        self.link._socket.shutdown(socket.SHUT_RDWR)
