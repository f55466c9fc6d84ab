"""`api.gateway.webhook_redelivery.Redeliveries` of sessions with two events each."""

from __future__ import annotations


class FakeRedeliveries:
    """Two events, whatever is asked for. Set `failure` to have every call raise it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.failure: Exception | None = None

    async def redeliver(self, session_id: str, after: int) -> tuple[int, ...]:
        """Their numbers."""
        self.asked.append((session_id, after))
        if self.failure is not None:
            raise self.failure
        return (3, 5)
