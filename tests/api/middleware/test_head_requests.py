"""HEAD is answered as GET without a body."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from api.app import create_app
from settings import ApiSettings, Settings
from tests.fakes.asgi_client import client_of
from tests.fakes.key_files import with_keys


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/openapi.json", "/metrics", "/stats", "/api/sessions"])
async def test_head_has_the_status_and_headers_of_get(http: httpx.AsyncClient, path: str) -> None:
    got, head = await http.get(path), await http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers.keys() == got.headers.keys()
    assert head.headers["content-type"] == got.headers["content-type"]


async def test_head_fails_where_get_fails(http: httpx.AsyncClient) -> None:
    for path, status in (("/nothing", 404), ("/api/session/session_1", 404), ("/webhook/livekit", 405)):
        head = await http.head(path)
        assert (head.status_code, head.content) == (status, b"")


async def test_head_needs_the_key_that_get_needs(settings: Settings, tmp_path: Path) -> None:
    keys_file = tmp_path / "keys.jsonl"
    with_keys(keys_file, "acme")
    async with client_of(create_app(replace(settings, api=ApiSettings(keys_file=keys_file)))) as http:
        assert (await http.head("/api/sessions")).status_code == 401
        assert (await http.head("/health")).status_code == 200
