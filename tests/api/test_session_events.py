"""The route that follows a session, over HTTP, with logs in memory."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn

from api.__main__ import ApiServer
from api.app import create_app
from api.services import services_of
from contracts.events import wire_turn
from contracts.turns import Turn
from errors import NoWorkerAnswered, TemporalUnavailable
from settings import Settings
from tests.fakes.event_source import SESSION, FakeEventSource, FakeLog
from tests.fakes.session_reader import FakeSessionReader
from tests.fakes.sessions import FakeSessions

PATH = f"/api/session/{SESSION}/events"
PATIENCE_SECONDS = 10.0


@pytest.fixture
async def api(settings: Settings, source: FakeEventSource) -> AsyncIterator[ApiServer]:
    """A server on a free port."""
    sessions = FakeSessions()
    app = create_app(settings, sessions, FakeSessionReader(sessions), events=source)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=60)
    server = ApiServer(config, services_of(app).followers)
    serving = asyncio.create_task(server._serve([listening]))  # without its signal handlers
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    yield server
    server.should_exit = True
    async with asyncio.timeout(PATIENCE_SECONDS):
        await serving


@pytest.fixture
async def http(api: ApiServer) -> AsyncIterator[httpx.AsyncClient]:
    host, port = api.servers[0].sockets[0].getsockname()
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=PATIENCE_SECONDS) as client:
        yield client


async def lines_to(lines: AsyncIterator[str], wanted: str) -> list[str]:
    """Read the lines of a stream up to this one."""
    read: list[str] = []
    while wanted not in read:
        read.append(await anext(lines))
    return read


async def test_an_ended_session(http: httpx.AsyncClient, log: FakeLog) -> None:
    turn = Turn(generation=1, sequence=1, role="agent", text="Line one\nand two: ü", at_ms=1_700_000_000_123)
    log.emit(**wire_turn(turn, 1))
    log.end()
    answer = await http.get(PATH)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
    hint, first, last, rest = answer.text.split("\n\n")
    assert 1_000 <= int(hint.removeprefix("retry: ")) <= 3_000
    assert rest == ""
    fields = dict(line.split(": ", 1) for line in first.splitlines())
    assert (fields["event"], fields["id"]) == ("turn", "1")
    assert json.loads(fields["data"]) == {
        "id": 1,
        "type": "turn",
        "at": "2026-11-23T21:52:37.123Z",
        "sessionId": SESSION,
        "data": {
            "number": 1,
            "role": "agent",
            "text": "Line one\nand two: ü",
            "at": "2023-11-14T22:13:20.123Z",
            "interrupted": False,
            "generation": 1,
        },
    }
    assert last.splitlines()[0] == "event: session.ended"


async def test_position_of_a_client(http: httpx.AsyncClient, log: FakeLog) -> None:
    log.emit(3)
    log.end()
    for path, headers, first in (
        (PATH, {"Last-Event-ID": "2"}, 3),
        (f"{PATH}?after=2", {}, 3),
        (f"{PATH}?after=1", {"Last-Event-ID": "3"}, 4),  # a browser that reconnects
        (PATH, {"Last-Event-ID": "0"}, 1),
    ):
        answer = await http.get(path, headers=headers)
        numbers = [int(line[4:]) for line in answer.text.splitlines() if line.startswith("id: ")]
        assert numbers == list(range(first, 5))
    done = await http.get(PATH, headers={"Last-Event-ID": "4"})
    assert (done.status_code, done.content) == (204, b"")


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "1 2", "٣", "1234567890", "1,2"])
async def test_a_bad_last_event_id(http: httpx.AsyncClient, log: FakeLog, value: str) -> None:
    log.end()
    answer = await http.get(PATH, headers=[(b"Last-Event-ID", value.encode())])
    text = "Last-Event-ID: must be the number of the last event that was received, such as 12"
    assert (answer.status_code, answer.json()) == (400, {"detail": text})


async def test_an_empty_last_event_id_counts_as_none(http: httpx.AsyncClient, log: FakeLog) -> None:
    log.emit(2)
    log.end()
    for path, numbers in ((PATH, ["1", "2", "3"]), (f"{PATH}?after=1", ["2", "3"])):
        answer = await http.get(path, headers={"Last-Event-ID": ""})
        assert answer.status_code == 200
        assert [line[4:] for line in answer.text.splitlines() if line.startswith("id: ")] == numbers


async def test_head_of_a_stream_ends_after_its_headers(http: httpx.AsyncClient, log: FakeLog) -> None:
    log.emit(1)
    answer = await http.head(PATH)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_refused_queries(http: httpx.AsyncClient, log: FakeLog) -> None:
    log.emit(2)
    for query, text in (
        ("?after=x", "after: must be a whole number"),
        ("?after=", "after: must be a whole number"),
        ("?after=1&after=2", "after: must be given once"),
        ("?since=1", "since: is not known here"),
        ("?after=3", "Last-Event-ID: 3 lies ahead: this session's last event is 2"),
    ):
        answer = await http.get(PATH + query)
        assert (answer.status_code, answer.json()) == (400, {"detail": text}), query
    answer = await http.get("/api/session/session_1234567890_zzzzzz/events")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Session session_1234567890_zzzzzz not found"})


@pytest.mark.parametrize("failure", [NoWorkerAnswered("No worker, ask again."), TemporalUnavailable("Away.")])
async def test_failures_of_the_log(
    http: httpx.AsyncClient, log: FakeLog, source: FakeEventSource, failure: Exception
) -> None:
    log.end()
    source.failure = failure
    answer = await http.get(PATH)
    assert (answer.status_code, answer.json()) == (503, {"detail": str(failure)})


async def test_a_browser_reconnects_while_no_worker_answers(
    http: httpx.AsyncClient, log: FakeLog, source: FakeEventSource
) -> None:
    log.emit(2)
    source.failure = NoWorkerAnswered("No worker, ask again.")
    async with asyncio.timeout(PATIENCE_SECONDS), http.stream("GET", PATH, headers={"Last-Event-ID": "1"}) as answer:
        assert answer.status_code == 200
        source.failure = None
        await lines_to(answer.aiter_lines(), "id: 2")
    source.failure = NoWorkerAnswered("No worker, ask again.")
    assert (await http.get(f"{PATH}?after=1")).status_code == 503


async def test_a_watcher_disconnects_from_a_live_session(http: httpx.AsyncClient, api: ApiServer, log: FakeLog) -> None:
    log.emit()
    async with asyncio.timeout(PATIENCE_SECONDS):
        async with http.stream("GET", PATH) as answer:
            lines = answer.aiter_lines()
            await lines_to(lines, "id: 1")
            log.emit()
            await lines_to(lines, "id: 2")
            assert len(api.followers) == 1
        while len(api.followers):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_the_server_does_not_wait_for_streams(http: httpx.AsyncClient, api: ApiServer, log: FakeLog) -> None:
    log.emit()
    async with asyncio.timeout(PATIENCE_SECONDS), http.stream("GET", PATH) as answer:
        lines = answer.aiter_lines()
        await lines_to(lines, "id: 1")
        api.should_exit = True
        assert [line async for line in lines if line] == []
