"""A client that is generated from /openapi.json: it type-checks, and gets what the API answers."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from settings import Settings
from tests.fakes.session_reader import FakeSessionReader
from tests.fakes.sessions import FakeSessions

pytestmark = pytest.mark.slow  # no server, but a code generator and a type checker

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("generated")
    document = folder / "openapi.json"
    document.write_text(json.dumps(create_app(Settings()).openapi()))
    command = [str(BIN / "openapi-python-client"), "generate", "--path", str(document), "--meta", "none"]
    command += ["--output-path", str(folder / "voice_client"), "--fail-on-warning"]
    config = folder / "generator.json"
    config.write_text('{"post_hooks": []}')  # a linter would alter the generator's types
    made = subprocess.run([*command, "--config", str(config)], capture_output=True, text=True, check=False)  # noqa: S603
    assert made.returncode == 0, made.stdout + made.stderr
    sys.path.insert(0, str(folder))
    yield folder / "voice_client"
    sys.path.remove(str(folder))


def test_it_type_checks(package: Path) -> None:
    command = [str(BIN / "mypy"), "--strict", "--config-file=", "--cache-dir", str(package.parent / "cache")]
    checked = subprocess.run([*command, package.name], cwd=package.parent, capture_output=True, text=True, check=False)  # noqa: S603
    assert checked.returncode == 0, checked.stdout


async def test_it_starts_and_ends_a_session(package: Path, settings: Settings) -> None:
    def part(name: str) -> Any:
        return importlib.import_module(f"{package.name}.{name}")

    sessions = FakeSessions()
    app = create_app(settings, sessions, FakeSessionReader(sessions))
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")
    client = part("client").Client(base_url="http://api").set_async_httpx_client(http)
    models = part("models")
    async with http:
        start = models.StartSessionStartRequest(user_name="ann")
        ticket = await part("api.sessions.start_session").asyncio(client=client, body=start)
        assert ticket.session_id == sessions.started[0].session_id
        end = models.EndSessionEndSessionRequest(session_id=ticket.session_id)
        bill = await part("api.sessions.end_session").asyncio(client=client, body=end)
    assert bill.details.duration_seconds == 125
