"""Requests of the command line to the API, and its error handling."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from console import client as module
from console.client import ApiClient
from errors import ConsoleError

Handler = Callable[[httpx.Request], httpx.Response]


def client(handler: Handler, key: str = "") -> ApiClient:
    return ApiClient("http://api:8000/", key, transport=httpx.MockTransport(handler))


def event(number: int, kind: str = "turn") -> bytes:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps({'id': number, 'type': kind})}\n\n".encode()


def stream(*parts: bytes) -> httpx.Response:
    return httpx.Response(200, headers={"Content-Type": "text/event-stream"}, content=b"".join(parts))


def test_pages_are_followed_up_to_the_limit() -> None:
    requests: list[dict[str, str]] = []

    def pages(request: httpx.Request) -> httpx.Response:
        requests.append(dict(request.url.params))
        size = int(request.url.params["pageSize"])
        return httpx.Response(200, json={"sessions": [{"n": len(requests)}] * size, "nextPageToken": "next"})

    with client(pages) as api:
        assert len(api.sessions(150, {"state": "active"})) == 150
    assert requests == [
        {"state": "active", "pageSize": "100"},
        {"state": "active", "pageSize": "50", "pageToken": "next"},
    ]


def test_last_page_ends_the_list() -> None:
    with client(lambda _: httpx.Response(200, json={"sessions": [{}], "nextPageToken": None})) as api:
        assert api.sessions(150, {}) == [{}]


def test_key_is_sent_and_in_no_error() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        assert request.headers["Authorization"] == "Bearer vao_secret"
        return httpx.Response(401, json={"detail": "The API key is not valid."})

    with client(refuse, key="vao_secret") as api, pytest.raises(ConsoleError) as caught:
        api.session("session_1")
    assert str(caught.value) == "The API key is not valid. Set CONSOLE_API_KEY."


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (httpx.Response(404, json={"detail": "Session session_1 not found"}), "Session session_1 not found"),
        (httpx.Response(502, text="<h1>Bad gateway</h1>"), "502 Bad Gateway: <h1>Bad gateway</h1>"),
        (httpx.Response(500, json=["odd"]), '500 Internal Server Error: ["odd"]'),
    ],
)
def test_refusals_show_the_text_of_the_api(response: httpx.Response, words: str) -> None:
    with client(lambda _: response) as api, pytest.raises(ConsoleError, match=r".*") as caught:
        api.session("session_1")
    assert str(caught.value) == words


def test_error_for_an_unreachable_api_names_the_setting() -> None:
    def away(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with client(away) as api, pytest.raises(ConsoleError, match="CONSOLE_API_URL"):
        api.end("session_1")


def test_kill_is_sent_as_the_page_does() -> None:
    def check(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("POST", "/playground/kill-agent/session_1")
        assert request.headers["Origin"] == "http://api:8000"
        return httpx.Response(204)

    with client(check) as api:
        api.kill_agent("session_1")


def test_events_continue_after_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RECONNECT_SECONDS", 0)
    requests: list[str | None] = []
    interruptions: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request.headers.get("Last-Event-ID"))
        match len(requests):
            case 1:
                return stream(b": hello\n\n", event(1), event(2))
            case 2:
                raise httpx.ConnectError("refused")
            case _:
                return stream(event(3), event(4, "session.ended"), event(5))

    with client(answer) as api:
        assert [found["id"] for found in api.events("session_1", interruptions.append)] == [1, 2, 3, 4]
    assert requests == [None, "2", "2"]
    assert interruptions == ["the API closed the stream", "refused"]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_events_wait_for_unavailable_workers(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setattr(module, "_RECONNECT_SECONDS", 0)
    answers = [
        httpx.Response(status, json={"detail": "No worker could read the events in time; ask again."}),
        stream(event(1)),
        httpx.Response(status, json={"detail": "No worker could read the events in time; ask again."}),
        stream(event(2, "session.ended")),
    ]
    interruptions: list[str] = []
    with client(lambda _: answers.pop(0)) as api:
        assert [found["id"] for found in api.events("session_1", interruptions.append)] == [1, 2]
    unavailable = "No worker could read the events in time; ask again."
    assert interruptions == [unavailable, "the API closed the stream", unavailable]


def test_events_of_a_terminated_session_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RECONNECT_SECONDS", 0)
    answers = [stream(event(1)), httpx.Response(204)]
    with client(lambda _: answers.pop(0)) as api:
        assert [found["id"] for found in api.events("session_1", lambda _: None)] == [1]


def test_events_of_an_unknown_session_are_an_error() -> None:
    response = httpx.Response(404, json={"detail": "Session session_1 not found"})
    with client(lambda _: response) as api, pytest.raises(ConsoleError, match="not found"):
        next(api.events("session_1", pytest.fail))
