"""The output of the commands."""

from __future__ import annotations

import json
import sys
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from console import commands
from console.client import ApiClient

LIVE: dict[str, Any] = {
    "sessionId": "session_1795449359_57737179fedb",
    "userName": "[bold]jane[/bold]",
    "state": "active",
    "startedAt": "2026-01-02T15:55:59.794Z",
    "durationSeconds": None,
    "endReason": None,
    "metadata": {},
}
ENDED = {**LIVE, "state": "ended", "durationSeconds": 125, "endReason": "caller_left"}
TURN = {"role": "caller", "text": "[red]Hi[/red]", "at": "2026-01-02T15:56:01Z", "interrupted": True}


class Api:
    """Answers by path, and records the requests."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.get(request.url.path)
        if answer is None:
            return httpx.Response(404, json={"detail": "Session session_1 not found"})
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    api = Api()
    monkeypatch.setattr(commands, "_api", lambda: ApiClient("http://api", transport=httpx.MockTransport(api)))
    monkeypatch.setattr(commands.out, "_width", 160)
    return api


def output(*words: str) -> str:
    result = CliRunner().invoke(commands.app, words)
    assert result.exit_code == 0, result.output
    return result.output


def test_list_has_a_row_for_each_session(api: Api) -> None:
    api.answers["/api/sessions"] = {"sessions": [LIVE, ENDED], "nextPageToken": None}
    head, live, ended = output("list", "--state", "active", "--user", "jane", "--since", "2h").splitlines()
    assert head.split() == ["session", "user", "state", "started", "lasted", "end"]
    assert "[bold]jane[/bold]" in live, "texts of callers are not markup"
    assert ended.split()[-2:] == ["2:05", "caller_left"]
    query = api.requests[0].url.params
    assert (query["state"], query["user"], query["pageSize"]) == ("active", "jane", "20")
    assert query["startedAfter"].endswith("+00:00")


def test_session_with_unreadable_fields_has_its_row(api: Api) -> None:
    unread = {**LIVE, "userName": None, "state": None}
    api.answers["/api/sessions"] = {"sessions": [unread], "nextPageToken": None}
    assert output("list").splitlines()[1].startswith("session_1795449359_57737179fedb")


def test_empty_list_prints_a_message(api: Api) -> None:
    api.answers["/api/sessions"] = {"sessions": [], "nextPageToken": None}
    assert output("list") == "No session.\n"
    assert json.loads(output("list", "--json")) == []


def test_invalid_span_is_refused(api: Api) -> None:
    result = CliRunner().invoke(commands.app, ["list", "--since", "yesterday"])
    assert (result.exit_code, api.requests) == (2, [])
    assert "such as 15m" in result.output


def test_show_prints_status_and_transcript(api: Api) -> None:
    api.answers["/api/session/session_1"] = ENDED
    api.answers["/api/session/session_1/transcript"] = {"turns": [TURN]}
    shown = output("show", "session_1")
    assert "caller_left" in shown
    assert "metadata" not in shown, "empty fields are left out"
    assert shown.splitlines()[-1].endswith("caller [red]Hi[/red] (interrupted)")
    assert json.loads(output("show", "session_1", "--json"))["turns"] == [TURN]


def test_watch_ends_with_the_session(api: Api) -> None:
    events = [
        {"id": 1, "type": "agent.state", "at": TURN["at"], "data": {"state": "lost", "generation": 1, "reason": None}},
        {"id": 2, "type": "turn", "at": TURN["at"], "data": TURN},
        {"id": 3, "type": "session.ended", "at": TURN["at"], "data": {"durationSeconds": 0, "errors": []}},
    ]
    text = "".join(f"id: {event['id']}\ndata: {json.dumps(event)}\n\n" for event in events)
    api.answers["/api/session/session_1/events"] = httpx.Response(
        200, headers={"Content-Type": "text/event-stream"}, text=text
    )
    lost, turn, ended = output("watch", "session_1").splitlines()
    assert "agent.state  state lost  generation 1" in lost
    assert "[red]Hi[/red]" in turn
    assert ended.endswith("session.ended  durationSeconds 0")
    assert [json.loads(line) for line in output("watch", "session_1", "--json").splitlines()] == events


def test_end_prints_the_bill(api: Api) -> None:
    api.answers["/api/session/end"] = {"details": {"session_id": "session_1", "durationSeconds": 6, "errors": []}}
    assert output("end", "session_1").split() == ["session_id", "session_1", "durationSeconds", "6"]
    assert json.loads(api.requests[0].content) == {"sessionId": "session_1"}


def test_error_is_one_line_and_an_exit_code(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["console", "kill", "session_1"])
    with pytest.raises(SystemExit) as caught:
        commands.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == "Session session_1 not found\n"
    assert len(api.requests) == 1
