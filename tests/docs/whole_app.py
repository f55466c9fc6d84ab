"""The API with everything switched on that the documents show; its codec's key is the one that they show, no secret."""

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
    """With routes that only settings bring about."""
    settings = replace(
        Settings(),
        temporal=TemporalSettings(codec_keys=SecretStr(KEYS)),
        codec_endpoint=CodecEndpointSettings(token=SecretStr(TOKEN)),
    )
    return create_app(settings, counts=FakeSessionCounts())
