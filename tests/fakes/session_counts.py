"""`api.gateway.session_counts.SessionCounts` with numbers that a test sets."""

from __future__ import annotations

from api.gateway.session_counts import QueuedLaunches
from contracts.statuses import SessionStatus


class FakeSessionCounts:
    """`visible` has the sessions that Temporal counts, each with its owner and state."""

    def __init__(self) -> None:
        self.visible: dict[str, tuple[str, SessionStatus]] = {}
        self.failure: Exception | None = None
        self.queue = QueuedLaunches()
        self.starting = 0
        self.asked = 0
        """Number of calls of `queued`."""

    async def running(self) -> int:
        """Visible sessions."""
        self._fail()
        return len(self.visible)

    async def in_state(self, state: SessionStatus, owner: str | None) -> int:
        """Visible sessions of the owner in the state."""
        self._fail()
        return sum(found == state and owner in (None, whose) for whose, found in self.visible.values())

    async def starting_for(self, seconds: float) -> int:
        """Those of `starting`."""
        self._fail()
        return self.starting

    async def queued(self) -> QueuedLaunches:
        """The queue that a test sets."""
        self.asked += 1
        self._fail()
        return self.queue

    async def workers(self) -> int:
        """Two."""
        self._fail()
        return 2

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
