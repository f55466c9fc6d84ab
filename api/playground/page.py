"""Serves the page at /playground: static files, their configuration, and a strict Content-Security-Policy."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, Field
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from contracts.statuses import EndReason
from errors import SetupError
from settings import LiveKitSettings, Settings

FOLDER: Final = Path(__file__).parent / "assets"
PATH: Final = "/playground"
SAMPLED_TTS: Final = "local/default"
"""The voices that `make voices` recorded."""


class PlaygroundConfig(BaseModel):
    """The settings that the page needs."""

    temporalUiUrl: str | None = Field(description="The list of workflows in Temporal's UI; null where none is set.")
    killButton: bool = Field(description="True if the page has a button that kills the agent.")
    voiceSamples: bool = Field(description="True if the agents speak with the voices of the recorded samples.")
    endReasons: dict[str, str] = Field(
        {reason.value: reason.words for reason in EndReason}, description="The words of each end reason."
    )


def install_playground(app: FastAPI, settings: Settings, kill_button: APIRouter | None) -> None:
    """Add the page if PLAYGROUND is on. `kill_button` is the route of its button; without it the page shows none.

    Raises `SetupError` for a button that other machines can reach, and for a page where API keys are required.
    """
    page = settings.playground
    if page.kill_agent and not settings.api.on_loopback:
        raise SetupError("PLAYGROUND_KILL_AGENT is for one machine: it needs API_HOST=127.0.0.1.")
    if not page.enabled:
        return
    if settings.api.keys_file is not None:
        raise SetupError("PLAYGROUND needs an API without keys, since the page has none: unset it or API_KEYS_FILE.")
    policy = content_security_policy(settings.livekit)
    config = PlaygroundConfig(
        temporalUiUrl=_workflows_url(page.temporal_ui_url, settings.temporal.namespace),
        killButton=kill_button is not None,
        voiceSamples=settings.speech.tts == SAMPLED_TTS,
    )
    router = APIRouter(include_in_schema=False)

    @router.get("")
    async def playground() -> Response:
        return FileResponse(FOLDER / "index.html", headers=_headers(policy))

    @router.get("/")
    async def without_slash() -> Response:
        return RedirectResponse("../playground")  # the page's addresses are relative to its own

    @router.get("/config.json")
    async def playground_config() -> PlaygroundConfig:
        return config

    for routes in (router, kill_button):
        if routes is not None:
            app.include_router(routes, prefix=PATH)
    app.mount(PATH, _Files(policy), name="playground")


def content_security_policy(livekit: LiveKitSettings) -> str:
    """Allows this host only, and connections to LiveKit by WebSocket and HTTP."""
    url = urlsplit(livekit.client_url)
    secure = url.scheme in ("wss", "https")
    beyond = (f"{scheme}://{url.netloc}" for scheme in (("wss", "https") if secure else ("ws", "http")))
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self'",
            "media-src 'self'",
            " ".join(("connect-src 'self'", *beyond)),
            "form-action 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


class _Files(StaticFiles):
    def __init__(self, policy: str) -> None:
        super().__init__(directory=FOLDER)
        self._headers = _headers(policy)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(self._headers)
        return response


def _headers(policy: str) -> dict[str, str]:
    # no-cache: revalidated by ETag each time, so that a page never mixes files of two versions.
    return {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}


def _workflows_url(ui: str, namespace: str) -> str | None:
    return f"{ui.rstrip('/')}/namespaces/{quote(namespace, safe='')}/workflows" if ui else None
