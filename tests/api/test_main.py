"""How uvicorn serves the API."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import ValidationError

from api.__main__ import server_config
from api.app import create_app
from settings import ApiSettings, Settings


def test_idle_connections_outlive_those_of_load_balancers(settings: Settings) -> None:
    assert server_config(create_app(settings), settings).timeout_keep_alive == 75
    hurried = replace(settings, api=ApiSettings(keep_alive_seconds=5))
    assert server_config(create_app(hurried), hurried).timeout_keep_alive == 5


@pytest.mark.parametrize("text", ["0", "-1", "soon"])
def test_a_malformed_keep_alive_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("API_KEEP_ALIVE_SECONDS", text)
    with pytest.raises(ValidationError):
        ApiSettings()
