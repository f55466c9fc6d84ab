"""The playground's page: its setting, its policy, its files and its kill button."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import av
import httpx
import pytest
from fastapi import APIRouter, FastAPI

from api.app import create_app
from api.playground.page import FOLDER, content_security_policy, install_playground
from contracts.agent_options import VOICES
from contracts.statuses import EndReason
from errors import SetupError
from settings import ApiSettings, LiveKitSettings, PlaygroundSettings, Settings, SpeechSettings
from tests.fakes.asgi_client import client_of
from tests.fakes.playground_api import SESSION, FakePlaygroundApi

ON = PlaygroundSettings(enabled=True)
BUTTON = PlaygroundSettings(enabled=True, kill_agent=True, temporal_ui_url="http://localhost:8233/")


def client(settings: Settings, host: str = "localhost:8000") -> httpx.AsyncClient:
    return client_of(create_app(settings), f"http://{host}")


async def test_the_page_is_off_by_default() -> None:
    async with client(Settings()) as http:
        for path in ("/playground", "/playground/config.json", "/playground/app.js"):
            assert (await http.get(path)).status_code == 404


async def test_the_page_and_its_files_come_with_a_strict_policy() -> None:
    livekit = LiveKitSettings(url="ws://livekit.internal:7880", public_url="wss://livekit.example")
    async with client(Settings(playground=ON, livekit=livekit)) as http:
        for path, kind in (
            ("/playground", "text/html"),
            ("/playground/app.js", "text/javascript"),
            ("/playground/style.css", "text/css"),
            ("/playground/voices/Ashley.mp3", "audio/mpeg"),
            ("/playground/vendor/livekit-client.umd.js", "text/javascript"),
        ):
            answer = await http.get(path)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(kind)
            assert answer.headers["content-security-policy"] == content_security_policy(livekit)
            assert answer.headers["cache-control"] == "no-cache"


async def test_a_trailing_slash_redirects_to_the_page() -> None:
    async with client(Settings(playground=ON)) as http:
        answer = await http.get("/playground/", follow_redirects=True)
    assert (answer.status_code, answer.url.path) == (200, "/playground")


def test_the_policy_allows_only_livekit() -> None:
    policy = content_security_policy(LiveKitSettings(url="ws://a:7880", public_url="wss://livekit.example/"))
    assert "connect-src 'self' wss://livekit.example https://livekit.example;" in policy
    assert "ws://a" not in policy
    assert "unsafe" not in policy
    assert "*" not in policy


async def test_only_its_folder_is_served() -> None:
    async with client(Settings(playground=ON)) as http:
        for path in ("/playground/..%2fapp.py", "/playground/%2e%2e/app.py", "/playground/nothing.js"):
            answer = await http.get(path)
            assert answer.status_code == 404
            assert "detail" in answer.json()


async def test_page_configuration() -> None:
    app = create_app(Settings(playground=BUTTON), kill_button=APIRouter())
    async with client_of(app, "http://localhost") as http:
        assert (await http.get("/playground/config.json")).json() == {
            "temporalUiUrl": "http://localhost:8233/namespaces/default/workflows",
            "killButton": True,
            "voiceSamples": True,
            "endReasons": {reason.value: reason.words for reason in EndReason},
        }
    async with client(Settings(playground=ON, speech=SpeechSettings(tts="inworld/inworld-tts-2"))) as http:
        assert (await http.get("/playground/config.json")).json() == {
            "temporalUiUrl": None,
            "killButton": False,
            "voiceSamples": False,
            "endReasons": {reason.value: reason.words for reason in EndReason},
        }


def test_the_kill_button_needs_loopback() -> None:
    with pytest.raises(SetupError, match="PLAYGROUND_KILL_AGENT"):
        create_app(Settings(playground=BUTTON, api=ApiSettings(host="::")))


def test_the_page_is_refused_with_api_keys(tmp_path: Path) -> None:
    (tmp_path / "keys.json").write_text("{}")
    with pytest.raises(SetupError, match="PLAYGROUND"):
        install_playground(FastAPI(), Settings(playground=ON, api=ApiSettings(keys_file=tmp_path / "keys.json")), None)


async def test_without_the_kill_button_nothing_kills() -> None:
    async with client(Settings(playground=ON)) as http:
        answer = await http.post(f"/playground/kill-agent/{SESSION}", headers={"Origin": "http://localhost:8000"})
        assert answer.status_code in (404, 405)


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("localhost:8000", None),
        ("localhost:8000", "https://example.com"),
        ("localhost:8000", "http://localhost:9000"),
        ("localhost:8000", "null"),
        ("rebound.example:8000", "http://rebound.example:8000"),
    ],
)
async def test_other_pages_may_not_kill(host: str, origin: str | None) -> None:
    api = FakePlaygroundApi(Settings(playground=BUTTON))
    async with client_of(api.app, f"http://{host}") as http:
        headers = {"Origin": origin} if origin else {}
        answer = await http.post(f"/playground/kill-agent/{SESSION}", headers=headers)
    assert answer.status_code == 403
    assert api.killed == []


async def test_the_page_may_kill() -> None:
    api = FakePlaygroundApi(Settings(playground=BUTTON))
    origin = "http://127.0.0.1:8000"
    async with client_of(api.app, origin) as http:
        answer = await http.post(f"/playground/kill-agent/{SESSION}", headers={"Origin": origin})
        unknown = await http.post("/playground/kill-agent/session_1_x", headers={"Origin": origin})
    assert answer.status_code == 204
    assert api.killed == [SESSION]
    assert unknown.status_code == 404


def test_the_livekit_library_is_the_vendored_one() -> None:
    facts = json.loads((FOLDER / "vendor/version.json").read_text())
    wanted = json.loads((FOLDER.parents[2] / "scripts/vendor/package.json").read_text())
    assert wanted["dependencies"] == {facts["package"]: facts["version"]}
    library = (FOLDER / "vendor/livekit-client.umd.js").read_bytes()
    assert hashlib.sha256(library).hexdigest() == facts["sha256"]
    assert f"{facts['package']} {facts['version']}: Apache-2.0" in (FOLDER / "vendor/LICENSES.txt").read_text()


def test_every_voice_has_its_sample() -> None:
    samples = {file.stem: file for file in (FOLDER / "voices").iterdir()}
    assert set(samples) == set(VOICES)
    assert len({file.read_bytes() for file in samples.values()}) == len(VOICES)
    for file in samples.values():
        assert 1.5 < seconds(file) < 6


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.*")), ids=lambda file: file.name)
def test_no_file_names_another_host(file: Path) -> None:
    named = set(re.findall(r"[a-z]+://[^\s\"'`]+", file.read_text()))
    assert named <= {"http://www.w3.org/2000/svg"}
    assert len(file.read_text().splitlines()) <= 300


def seconds(file: Path) -> float:
    with av.open(file) as container:
        return sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
