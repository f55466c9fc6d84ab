"""uvicorn's HTTP protocol with bounds. uvicorn's own waits forever for a head, and keeps all of it in memory.

httptools has no limits, and uvicorn's `h11_max_incomplete_event_size` is for its slower parser alone. All this happens
before any middleware and any API key.
"""

from __future__ import annotations

import asyncio
import http
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 65_536
"""Request line and headers; the read that exceeds it is still parsed."""
MAX_HEADERS = 256
MAX_FRAMING_BYTES = 4 * 1024 * 1024
"""Bytes of a chunked body that are not its own: sizes, extensions, trailers. One-byte chunks have five each."""
HEAD_SECONDS = 20.0
"""From the first byte of a head to its end."""


class BoundedHttp(HttpToolsProtocol):
    """Answers 408 to a head that takes too long, 431 to one that is too large, and closes the connection.

    A new connection on which nothing arrives is closed like an idle one. `api/middleware/body_limit.py` bounds bodies.
    """

    _deadline: asyncio.TimerHandle | None = None
    _is_in_head = True
    _bytes = 0
    """Of this head, or of this body without its contents."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Close the connection if nothing arrives on it: uvicorn does so after an answer only."""
        super().connection_made(transport)
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._stop_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse `data`, then check the bounds."""
        self._bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._stop_deadline()
        elif self._bytes > (MAX_HEAD_BYTES if self._is_in_head else MAX_FRAMING_BYTES):
            self._refuse(431, f"The request head is larger than {MAX_HEAD_BYTES} bytes.")
        elif self._is_in_head and self._bytes > 0 and self._deadline is None:
            self._start_deadline()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header, or a trailer. An error makes httptools stop, and uvicorn answer 400."""
        if len(self.headers) >= MAX_HEADERS:
            raise ValueError("too many headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the request."""
        self._stop_deadline()
        self._is_in_head = False
        self._bytes = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._bytes -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The next byte begins another head."""
        self._is_in_head = True
        self._bytes = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Close the connection after an answer to an unfinished request: nobody would limit the rest of it."""
        is_unfinished = not self._is_in_head and not self.pipeline
        super().on_response_complete()
        if is_unfinished:
            self.transport.close()

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._end_deadline)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _end_deadline(self) -> None:
        if self._is_answering():  # this head came early, behind a request that is still served
            self._start_deadline()
        else:
            self._refuse(408, f"The request head did not arrive within {HEAD_SECONDS:g} seconds.")

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: int, detail: str) -> None:
        self._stop_deadline()
        if not self._is_answering():
            body = json.dumps({"detail": detail}).encode()
            head = (
                f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
        self.transport.close()
