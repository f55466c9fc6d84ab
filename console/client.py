"""Calls the REST API for the command line."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx
from httpx_sse import ServerSentEvent, SSEError, connect_sse

from errors import ConsoleError

_TIMEOUT = httpx.Timeout(15)
_FOLLOW = httpx.Timeout(15, read=60)  # the stream sends something at least every half minute
_RECONNECT_SECONDS = 1.0

_TEMPORARY = (httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT)
"""Answers of the API while Temporal or the workers are unreachable, and of a proxy while the API is."""

Json = dict[str, Any]


class _Unavailable(Exception):
    """The events cannot be read now."""


class _NoMoreEvents(Exception):
    """The session is over. A terminated one has no last event."""


class ApiClient:
    """A client of the API. Every call raises `ConsoleError` with the API's own text, or with what to do."""

    def __init__(self, url: str, api_key: str = "", transport: httpx.BaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self._url, headers=headers, timeout=_TIMEOUT, trust_env=False, transport=transport
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _t: type[BaseException] | None, _e: BaseException | None, _b: TracebackType | None) -> None:
        self._http.close()

    def sessions(self, limit: int, filters: Mapping[str, str]) -> list[Json]:
        """At most `limit` sessions in the order of `GET /api/sessions`."""
        found: list[Json] = []
        token: str | None = None
        while len(found) < limit:
            query = {**filters, "pageSize": str(min(100, limit - len(found)))}
            page = self._request("GET", "/api/sessions", params=query | ({"pageToken": token} if token else {}))
            found += page["sessions"]
            token = page["nextPageToken"]
            if token is None:
                break
        return found

    def session(self, session_id: str) -> Json:
        """The status of one session."""
        return self._request("GET", f"/api/session/{session_id}")

    def transcript(self, session_id: str) -> list[Json]:
        """The turns of its transcript."""
        turns: list[Json] = self._request("GET", f"/api/session/{session_id}/transcript")["turns"]
        return turns

    def end(self, session_id: str) -> Json:
        """End it; returns the bill."""
        details: Json = self._request("POST", "/api/session/end", json={"sessionId": session_id})["details"]
        return details

    def kill_agent(self, session_id: str) -> None:
        """Kill its agent process, as the page of the local stack can."""
        self._request("POST", f"/playground/kill-agent/{session_id}", headers={"Origin": self._url})

    def events(self, session_id: str, on_interruption: Callable[[str], None]) -> Iterator[Json]:
        """All events of a session until it has ended. Reconnects after an interruption and continues where it was."""
        last = ""
        while True:
            try:
                for event in self._stream(session_id, last):
                    last = event.id
                    found = json.loads(event.data)
                    yield found
                    if found["type"] == "session.ended":
                        return
                on_interruption("the API closed the stream")
            except _NoMoreEvents:
                return
            except (httpx.TransportError, SSEError, _Unavailable) as error:
                on_interruption(str(error) or type(error).__name__)
            time.sleep(_RECONNECT_SECONDS)

    def _stream(self, session_id: str, last: str) -> Iterator[ServerSentEvent]:
        path, headers = f"/api/session/{session_id}/events", {"Last-Event-ID": last} if last else {}
        with connect_sse(self._http, "GET", path, headers=headers, timeout=_FOLLOW) as source:
            status = source.response.status_code
            if status == httpx.codes.NO_CONTENT:
                raise _NoMoreEvents
            if status != httpx.codes.OK:
                source.response.read()
                raise (_Unavailable if status in _TEMPORARY else ConsoleError)(_error_text(source.response))
            yield from (event for event in source.iter_sse() if event.data)

    def _request(self, method: str, path: str, **options: Any) -> Json:
        try:
            response = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise ConsoleError(
                f"The API at {self._url} cannot be reached ({error}). Start it, or set CONSOLE_API_URL."
            ) from error
        if not response.is_success:
            raise ConsoleError(_error_text(response))
        answer: Json = response.json() if response.content else {}
        return answer


def _error_text(response: httpx.Response) -> str:
    """The API's own text; that of a proxy in between with its status."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.reason_phrase}: {response.text[:200]}"
    hint = " Set CONSOLE_API_KEY." if response.status_code == httpx.codes.UNAUTHORIZED else ""
    return f"{detail}{hint}"
