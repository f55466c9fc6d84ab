"""The REST API as the command line asks it."""

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
_FOLLOW = httpx.Timeout(15, read=60)  # the stream says something at least every half a minute
_AGAIN_SECONDS = 1.0

_COMES_BACK = (httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT)
"""Said by the API while Temporal or the workers are away, and by a proxy while the API is."""

Json = dict[str, Any]


class _Away(Exception):
    """Nobody can read the events now."""


class _NothingFollows(Exception):
    """The session is over; one that was terminated has no last event to tell it by."""


class ApiClient:
    """Every question raises `ConsoleError` with the API's own words, or with what to do where it cannot be reached."""

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
        """At most `limit` sessions, as `GET /api/sessions` orders them."""
        found: list[Json] = []
        token: str | None = None
        while len(found) < limit:
            query = {**filters, "pageSize": str(min(100, limit - len(found)))}
            page = self._ask("GET", "/api/sessions", params=query | ({"pageToken": token} if token else {}))
            found += page["sessions"]
            token = page["nextPageToken"]
            if token is None:
                break
        return found

    def session(self, session_id: str) -> Json:
        """Where one session stands."""
        return self._ask("GET", f"/api/session/{session_id}")

    def transcript(self, session_id: str) -> list[Json]:
        """What was said in it."""
        turns: list[Json] = self._ask("GET", f"/api/session/{session_id}/transcript")["turns"]
        return turns

    def end(self, session_id: str) -> Json:
        """End it; the bill."""
        details: Json = self._ask("POST", "/api/session/end", json={"sessionId": session_id})["details"]
        return details

    def kill_agent(self, session_id: str) -> None:
        """kill -9 of the agent that serves it: what the local stack lets its own page do."""
        self._ask("POST", f"/playground/kill-agent/{session_id}", headers={"Origin": self._url})

    def events(self, session_id: str, lost: Callable[[str], None]) -> Iterator[Json]:
        """All that happened and happens, until the session has ended; goes on where it was when the API comes back."""
        last = ""
        while True:
            try:
                for event in self._stream(session_id, last):
                    last = event.id
                    news = json.loads(event.data)
                    yield news
                    if news["type"] == "session.ended":
                        return
                lost("the API closed the stream")
            except _NothingFollows:
                return
            except (httpx.TransportError, SSEError, _Away) as error:
                lost(str(error) or type(error).__name__)
            time.sleep(_AGAIN_SECONDS)

    def _stream(self, session_id: str, last: str) -> Iterator[ServerSentEvent]:
        path, headers = f"/api/session/{session_id}/events", {"Last-Event-ID": last} if last else {}
        with connect_sse(self._http, "GET", path, headers=headers, timeout=_FOLLOW) as source:
            status = source.response.status_code
            if status == httpx.codes.NO_CONTENT:
                raise _NothingFollows
            if status != httpx.codes.OK:
                source.response.read()
                raise (_Away if status in _COMES_BACK else ConsoleError)(_words(source.response))
            yield from (event for event in source.iter_sse() if event.data)

    def _ask(self, method: str, path: str, **options: Any) -> Json:
        try:
            response = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise ConsoleError(
                f"The API at {self._url} cannot be reached ({error}). Start it, or set CONSOLE_API_URL."
            ) from error
        if not response.is_success:
            raise ConsoleError(_words(response))
        answer: Json = response.json() if response.content else {}
        return answer


def _words(response: httpx.Response) -> str:
    """The API's own sentence; that of a proxy in between is shown with its status."""
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"{response.status_code} {response.reason_phrase}: {response.text[:200]}"
    hint = " Set CONSOLE_API_KEY." if response.status_code == httpx.codes.UNAUTHORIZED else ""
    return f"{detail}{hint}"
