"""Reads one session's event log for all of its watchers, and writes it as server-sent events."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import AsyncIterator
from itertools import islice

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from api.event_stream.source import EventSource
from contracts.events import SessionEvent
from errors import SessionNotFound, TemporalUnavailable

_log = logging.getLogger(__name__)

_AT_ONCE = 100
_KEEP_ALIVE_SECONDS = 15.0
"""Proxies close a connection that is idle for a minute."""
_APART_SECONDS = 0.1
"""Between two queries of a session, so that events of one moment are read together."""
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.2, 5.0
"""Between two attempts while Temporal or the workers are unavailable."""


class Follower:
    """Follows one session with one long poll, and a query after a change.

    It keeps as many events as the workflow, `most`, each as its bytes. A watcher is only the number of the last event
    that it was sent. The stream of a watcher that falls further behind is closed; it can reconnect with its number.
    """

    def __init__(self, session_id: str, source: EventSource, most: int) -> None:
        self._session_id = session_id
        self._source = source
        self._frames: deque[bytes] = deque(maxlen=most)
        self._reading = asyncio.Lock()
        self._is_opened = asyncio.Event()
        self._failure: Exception | None = None
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._follow())
        self.watchers = 0
        self.last = 0
        self.is_over = False
        """The session has ended, and all of its events were read."""
        self.is_done = False
        """Nothing more follows here: the session has ended, following failed, or the process shuts down."""

    async def opened(self) -> None:
        """Wait until the log is read up to now. Raises the first attempt's error; retries go on for `frames`."""
        await self._is_opened.wait()
        if self._failure is not None:
            raise self._failure

    async def catch_up(self, after: int) -> None:
        """Read on if this number is not known yet: another API process may have sent it."""
        async with self._reading:
            if self.last < after and not self.is_done:
                await self._read()

    def stop(self) -> None:
        """Close all streams."""
        self._task.cancel()
        self._finish()

    async def frames(self, after: int) -> AsyncIterator[bytes]:
        """The stream of one watcher: every event after this number, and comments while there is none."""
        # Spread, so that clients of an API that failed do not reconnect at once.
        hint = random.randint(1_000, 3_000)  # noqa: S311  no secret
        yield format_sse_event(retry=hint)
        while not (self._is_readable or self.is_done):
            if not await self._has_changed():
                yield KEEPALIVE_COMMENT
        if after > self.last:
            return  # the number is ahead of this log; the next request gets a 400
        after = max(after, self.last - len(self._frames))  # just before the oldest event that is kept
        while True:
            dropped = self.last - len(self._frames)
            if after < dropped:
                return  # too slow
            if frames := [*islice(self._frames, after - dropped, after - dropped + _AT_ONCE)]:
                yield b"".join(frames)
                after += len(frames)
            elif self.is_done:
                return
            elif not await self._has_changed():
                yield KEEPALIVE_COMMENT

    @property
    def _is_readable(self) -> bool:
        return self._is_opened.is_set() and self._failure is None

    async def _has_changed(self) -> bool:
        """Wait for a change; False when it is time for a keep-alive comment."""
        try:
            await asyncio.wait_for(self._changed.wait(), _KEEP_ALIVE_SECONDS)
        except TimeoutError:
            return False
        return True

    async def _follow(self) -> None:
        try:
            await self._open()
        except Exception as error:  # each request that waits in `opened` answers with it
            self._failure = error
            self._finish()
            return
        finally:
            self._is_opened.set()
        try:
            await self._keep_up()
        except SessionNotFound:
            _log.info("events: the session's retention in Temporal has ended")
        except Exception as error:  # the next request answers with it
            _log.error("events: following failed: %s", type(error).__name__)
        self._finish()

    async def _open(self) -> None:
        """Read the log up to now, with retries: watchers that reconnected wait for it."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            try:
                async with self._reading:
                    await self._read()
            except TemporalUnavailable as error:
                self._failure = error
                self._is_opened.set()
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
            else:
                self._failure = None
                self._notify()
                return

    async def _keep_up(self) -> None:
        changes = self._source.changes(self._session_id)
        pause = _FIRST_PAUSE_SECONDS
        lives, is_due = True, False
        while not self.is_over:
            try:
                if not is_due:  # a change is reported once, so a failed read is repeated
                    lives, is_due = await changes.wait(), True
                async with self._reading:
                    await self._read()
                self.is_over, is_due = self.is_over or not lives, False
                pause = _FIRST_PAUSE_SECONDS
                await asyncio.sleep(_APART_SECONDS)
            except TemporalUnavailable:
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)

    async def _read(self) -> None:
        """Read all new pages."""
        is_over = False
        async for page in self._source.pages(self._session_id, after=self.last):
            for event in page.events:
                if event.id != self.last + 1:  # the workflow dropped those between before they were read here
                    self._frames.clear()
                self._frames.append(frame(event))
                self.last = event.id
            is_over = page.is_over
        self.is_over = self.is_over or is_over
        self._notify()

    def _finish(self) -> None:
        self.is_done = True
        self._notify()

    def _notify(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def frame(event: SessionEvent) -> bytes:
    """An event on the wire. Its JSON has no line break."""
    return format_sse_event(id=str(event.id), event=event.type, data_str=event.model_dump_json())
