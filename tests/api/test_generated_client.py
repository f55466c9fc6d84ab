"""A client generated from /openapi.json type-checks, and works."""

from __future__ import annotations

import base64
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from api.app import create_app
from settings import ApiSettings, CodecEndpointSettings, Settings, TemporalSettings
from tests.fakes.key_files import with_keys
from tests.fakes.session_reader import FakeSessionReader
from tests.fakes.sessions import FakeSessions

pytestmark = pytest.mark.slow  # no server, but a code generator and a type checker

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def keys_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys.jsonl"


@pytest.fixture(scope="module")
def key(keys_file: Path) -> str:
    return with_keys(keys_file, "acme")[0]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory, keys_file: Path, key: str) -> Iterator[Path]:
    """Generated for an API with API keys, rate limits and the codec endpoint."""
    folder = tmp_path_factory.mktemp("generated")
    document = folder / "openapi.json"
    whole = Settings(
        temporal=TemporalSettings(codec_keys=SecretStr(f"k:{base64.b64encode(bytes(32)).decode()}")),
        codec_endpoint=CodecEndpointSettings(token=SecretStr("t" * 32)),
        api=ApiSettings(keys_file=keys_file, rate_limit="10/second"),
    )
    description = create_app(whole).openapi()
    assert "/codec/{namespace}/decode" in description["paths"]
    assert set(description["components"]["securitySchemes"]) == {"apiKey", "apiKeyHeader", "codecToken"}
    document.write_text(json.dumps(description))
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


async def test_it_starts_and_ends_a_session(package: Path, settings: Settings, keys_file: Path, key: str) -> None:
    def part(name: str) -> Any:
        return importlib.import_module(f"{package.name}.{name}")

    sessions = FakeSessions()
    keyed = replace(settings, api=ApiSettings(keys_file=keys_file))
    transport = httpx.ASGITransport(create_app(keyed, sessions, FakeSessionReader(sessions)))
    client = part("client").AuthenticatedClient(
        base_url="http://localhost", token=key, httpx_args={"transport": transport}
    )
    models = part("models")
    async with client:
        start = models.StartRequest(user_name="ann")
        join_token = await part("api.sessions.start_session").asyncio(client=client, body=start)
        assert join_token.session_id == sessions.started[0].session_id
        assert sessions.started[0].owner == "acme"
        end = models.EndSessionRequest(session_id=join_token.session_id)
        bill = await part("api.sessions.end_session").asyncio(client=client, body=end)
    assert bill.details.duration_seconds == 125
