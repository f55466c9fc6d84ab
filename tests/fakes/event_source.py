"""`api.event_stream.source.EventSource` over logs that a test writes."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

from contracts.events import EventsPage, SessionEvent
from errors import SessionNotFound

SESSION = "session_1234567890_abc123"


class FakeLog:
    """The log of one session."""

    def __init__(self, session_id: str) -> None:
        self.session_id = session_id
        self.events: list[SessionEvent] = []
        self.dropped = 0
        self.is_closed = False
        self.changes = 0
        self._changed = asyncio.Event()

    def emit(self, count: int = 1, kind: str = "turn", **data: Any) -> None:
        """Append `count` events at once."""
        for _ in range(count):
            number = len(self.events) + 1
            event = {"id": number, "type": kind, "at": "2026-11-23T21:52:37.123Z", "sessionId": self.session_id}
            self.events.append(SessionEvent.model_validate({**event, "data": data or {"number": number}}))
        self._change()

    def end(self) -> None:
        """End the session, with `session.ended`."""
        self.emit(kind="session.ended", endReason="api_request")
        self.close()

    def close(self) -> None:
        """Close the workflow, without an event."""
        self.is_closed = True
        self._change()

    def _change(self) -> None:
        self.changes += 1
        self._changed.set()

    async def changed(self, seen: int) -> int:
        """Wait for a change after `seen`; returns the number of changes."""
        while self.changes == seen:
            self._changed.clear()
            await self._changed.wait()
        return self.changes


class FakeEventSource:
    """Logs by session id. Pages raise `failure`, pages and changes raise `blackout`; `asked` counts calls."""

    def __init__(self) -> None:
        self.logs: dict[str, FakeLog] = {}
        self.failure: Exception | None = None
        self.blackout: Exception | None = None
        self.asked: Counter[str] = Counter()
        self.waiting = 0
        self.most_a_page = 500
        self._may_answer = asyncio.Event()
        self._may_answer.set()
        self._is_asked = asyncio.Event()

    def hold(self) -> asyncio.Event:
        """Delay pages until the returned event is set."""
        self._may_answer.clear()
        return self._may_answer

    async def is_held(self) -> None:
        """Wait until a page is requested."""
        await self._is_asked.wait()

    def log(self, session_id: str) -> FakeLog:
        """The log of a session, created if unknown."""
        return self.logs.setdefault(session_id, FakeLog(session_id))

    async def pages(self, session_id: str, after: int) -> AsyncIterator[EventsPage]:
        """Pages of at most `most_a_page` events."""
        while True:
            self.asked["pages"] += 1
            await asyncio.sleep(0)
            self._is_asked.set()
            await self._may_answer.wait()
            if failure := self.failure or self.blackout:
                raise failure
            log = self._known(session_id)
            events = log.events[max(after, log.dropped) :][: self.most_a_page]
            page = EventsPage(events=tuple(events), last=len(log.events), is_over=log.is_closed)
            yield page
            if not events or events[-1].id >= page.last:
                break
            after = events[-1].id

    def changes(self, session_id: str) -> FakeChanges:
        """Changes of the log."""
        self.asked["changes"] += 1
        return FakeChanges(self, self._known(session_id))

    def _known(self, session_id: str) -> FakeLog:
        if session_id not in self.logs:
            raise SessionNotFound(session_id)
        return self.logs[session_id]


class FakeChanges:
    """`api.event_stream.source.Changes` of one log."""

    def __init__(self, source: FakeEventSource, log: FakeLog) -> None:
        self._source = source
        self._log = log
        self._seen = -1

    async def wait(self) -> bool:
        """Wait until the log changes."""
        self._source.asked["wait"] += 1
        self._source.waiting += 1
        try:
            seen = await self._log.changed(self._seen)
        finally:
            self._source.waiting -= 1
        if self._source.blackout:
            raise self._source.blackout
        self._seen = seen
        return not self._log.is_closed
