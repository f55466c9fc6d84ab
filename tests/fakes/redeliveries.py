"""`api.gateway.webhook_redelivery.Redeliveries` with two events a session."""

from __future__ import annotations


class FakeRedeliveries:
    """Records requests. Set `failure` to have every call raise it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.failure: Exception | None = None

    async def redeliver(self, session_id: str, after: int) -> tuple[int, ...]:
        """The numbers of the two events."""
        self.asked.append((session_id, after))
        if self.failure is not None:
            raise self.failure
        return (3, 5)
