"""The page at /playground: static files, what they must know of this place, and a policy that lets nothing else in."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, FastAPI, HTTPException, Request
from pydantic import BaseModel, Field
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from errors import SetupError
from settings import LiveKitSettings, Settings
from stack.agent_processes import AgentProcesses

FOLDER: Final = Path(__file__).parent / "assets"
SAMPLED_TTS: Final = "hibari/default"
"""The voices that `make voices` recorded."""


class PlaygroundConfig(BaseModel):
    """What the page cannot know by itself."""

    temporalUiUrl: str | None = Field(description="The list of workflows in Temporal's UI; null where none is set.")
    killButton: bool = Field(description="Whether the page may kill agents.")
    voiceSamples: bool = Field(description="Whether agents here speak with the voices that were recorded for the page.")


def install_playground(app: FastAPI, settings: Settings, agents: AgentProcesses | None) -> None:
    """Add the page where PLAYGROUND says so, with its button where there is somebody to kill `agents`.

    Raises `SetupError` for a button that other machines could press, and where the page would be refused everything.
    """
    page = settings.playground
    if page.kill_agent and not settings.api.on_loopback:
        raise SetupError("PLAYGROUND_KILL_AGENT is for one machine: it needs API_HOST=127.0.0.1.")
    if not page.enabled:
        return
    if settings.api.keys_file is not None:
        raise SetupError("PLAYGROUND is for where no API keys are asked for: the page has none to show.")
    policy = content_security_policy(settings.livekit)
    config = PlaygroundConfig(
        temporalUiUrl=_workflows_url(page.temporal_ui_url, settings.temporal.namespace),
        killButton=agents is not None,
        voiceSamples=settings.speech.tts == SAMPLED_TTS,
    )
    router = APIRouter(prefix="/playground", include_in_schema=False)

    @router.get("")
    async def playground() -> Response:
        return FileResponse(FOLDER / "index.html", headers=_headers(policy))

    @router.get("/")
    async def without_slash() -> Response:
        return RedirectResponse("../playground")  # the page's addresses are relative to its own

    @router.get("/config.json")
    async def playground_config() -> PlaygroundConfig:
        return config

    if agents is not None:

        @router.post("/kill-agent/{session_id}", status_code=204)
        async def kill_agent(request: Request, session_id: str) -> None:
            """The page alone may ask: other pages of the same browser reach this machine as well."""
            origin = request.headers.get("origin", "")
            if urlsplit(origin).netloc != request.url.netloc or not _is_loopback(request.url.hostname):
                raise HTTPException(403, "Only the playground of this machine may kill agents.")
            if not await agents.kill(session_id):
                raise HTTPException(409, f"No agent serves {session_id} at this moment.")

    app.include_router(router)
    app.mount("/playground", _Files(policy), name="playground")


def content_security_policy(livekit: LiveKitSettings) -> str:
    """Everything from this host; beyond it the page may only talk to LiveKit, by WebSocket and by HTTP."""
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
    # no-cache: asked for again each time, by ETag, so that files of two versions never meet in one page.
    return {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}


def _workflows_url(ui: str, namespace: str) -> str | None:
    return f"{ui.rstrip('/')}/namespaces/{quote(namespace, safe='')}/workflows" if ui else None


def _is_loopback(hostname: str | None) -> bool:
    return hostname in ("localhost", "127.0.0.1", "::1")
