"""Log lines have their session id; JSON lines have the allowed fields alone."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from api.middleware.log_context import SessionInLogs
from contracts.identities import new_session_id
from telemetry import logs

SESSION = new_session_id(1_800_000_000)


@pytest.fixture(autouse=True)
def logging_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, factory = root.handlers[:], root.level, logging.getLogRecordFactory()
    monkeypatch.setattr(logs, "_of_this_process", "")
    yield
    root.handlers[:], root.level = handlers, level
    logging.setLogRecordFactory(factory)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_text_format(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("text")
    logging.getLogger("agent.job").info("leaving %s", SESSION)
    assert re.fullmatch(rf"[\d-]+ [\d:,]+ INFO agent\.job leaving {SESSION}\n", capsys.readouterr().err)


def test_json_line_has_time_level_logger_message_and_session(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", lambda: SESSION)
    logging.getLogger("worker").warning("at %d %%", 7)
    (line,) = lines(capsys)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {"level": "WARNING", "logger": "worker", "message": "at 7 %", "session_id": SESSION}


def test_extra_fields_of_libraries_are_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logging.getLogger("livekit.agents").info("connected", extra={"participant": "user_ada", "user_transcript": "hi"})
    (line,) = lines(capsys)
    assert line.keys() == {"time", "level", "logger", "message"}


def test_traceback_is_part_of_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    try:
        raise ValueError("no such thing")
    except ValueError:
        logging.getLogger("api").exception("failed")
    (line,) = lines(capsys)
    assert line["exception"].endswith("ValueError: no such thing")


async def test_sessions_of_concurrent_requests_are_kept_apart(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    sessions = [new_session_id(1_800_000_000) for _ in range(5)]
    all_there = asyncio.Barrier(len(sessions))

    async def request(session_id: str) -> None:
        logs.about(session_id)
        await all_there.wait()
        logging.getLogger("api").info(session_id)

    await asyncio.gather(*map(request, sessions))
    logged = lines(capsys)
    assert sorted(line["message"] for line in logged) == sorted(sessions)
    assert all(line["session_id"] == line["message"] for line in logged)


async def test_session_of_a_request_is_taken_from_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    app = FastAPI()
    app.add_middleware(SessionInLogs)

    @app.get("/api/session/{session_id}/transcript")
    async def transcript(session_id: str) -> None:
        logging.getLogger("api").info("asked")

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        await asyncio.create_task(client.get(f"/api/session/{SESSION}/transcript"))
        await asyncio.create_task(client.get("/api/session/ada is no session/transcript"))
    first, second = lines(capsys)
    assert first["session_id"] == SESSION
    assert "session_id" not in second


def test_records_of_a_job_process_keep_their_session(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json")
    logs.process_is_about(SESSION)
    made = logging.getLogger("agent").makeRecord("agent", logging.INFO, "job.py", 1, "ready", (), None)
    logs.process_is_about("")  # now as the AgentServer, which gets the record over a pipe
    logging.getLogger("agent").handle(pickle.loads(pickle.dumps(made)))  # noqa: S301  as livekit-agents sends it
    (line,) = lines(capsys)
    assert line["session_id"] == SESSION


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_access_log_has_no_query(log_format: logs.LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(log_format)
    access = logging.getLogger("uvicorn.access")
    access.info('%s - "%s %s HTTP/%s" %d', "127.0.0.1:1", "GET", "/api/sessions?user=ada", "1.1", 200)
    logged = capsys.readouterr().err
    assert "/api/sessions HTTP/1.1" in logged.replace('\\"', '"')
    assert "ada" not in logged


def test_logging_loads_no_heavy_modules() -> None:
    """Every AgentServer has one beside it: logging loads neither settings nor pydantic nor a client."""
    heavy = ("pydantic", "settings", "temporalio", "opentelemetry", "livekit")
    code = f"import sys, telemetry.logs; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert loaded.stdout.strip() == "[]"
