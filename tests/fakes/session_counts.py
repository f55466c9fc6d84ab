"""`api.gateway.session_counts.SessionCounts` with numbers of the test's own."""

from __future__ import annotations

from collections.abc import Collection

from contracts.statuses import SessionStatus


class FakeSessionCounts:
    """`visible` are the sessions that Temporal shows as running, each with its owner and state."""

    def __init__(self) -> None:
        self.visible: dict[str, tuple[str, SessionStatus]] = {}
        self.failure: Exception | None = None
        self.asked = 0
        """How often it was asked how many run."""

    async def running(self, *, but: Collection[str] = ()) -> int:
        """Those that are not in `but`."""
        self.asked += 1
        self._fail()
        return len(self.visible.keys() - set(but))

    async def in_state(self, state: SessionStatus, owner: str | None) -> int:
        """Those of the owner in the state."""
        self._fail()
        return sum(found == state and owner in (None, whose) for whose, found in self.visible.values())

    async def workers(self) -> int:
        """Two."""
        self._fail()
        return 2

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure
