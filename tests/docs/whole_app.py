"""The API with all documented features on; its codec key is the example of the documents."""

from __future__ import annotations

import base64
from dataclasses import replace

from fastapi import FastAPI
from pydantic import SecretStr

from api.app import create_app
from settings import CodecEndpointSettings, Settings, TemporalSettings
from tests.fakes.session_counts import FakeSessionCounts

KEYS = f"docs:{base64.b64encode(b'not a secret: it is in the docs!').decode()}"
TOKEN = "a-token-of-the-documents-and-no-secret"


def whole_app() -> FastAPI:
    """The app, including routes that depend on settings."""
    settings = replace(
        Settings(),
        temporal=TemporalSettings(codec_keys=SecretStr(KEYS)),
        codec_endpoint=CodecEndpointSettings(token=SecretStr(TOKEN)),
    )
    return create_app(settings, counts=FakeSessionCounts())
