"""Configures the page at /playground for the local stack, and adds the route of its button that kills the agent."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import psutil
from fastapi import APIRouter, HTTPException, Request

from settings import Settings
from stack.agent_processes import AgentProcesses
from stack.processes.orphans import marked


def with_playground(settings: Settings) -> Settings:
    """`settings` with the page on by default. Agents may be killed only if the API listens on loopback."""
    page = settings.playground
    ui = f"http://localhost:{settings.stack.temporal_ui_port}"
    on_loopback = settings.api.on_loopback
    return replace(
        settings,
        playground=page.model_copy(
            update={
                "enabled": settings.api.keys_file is None if page.enabled is None else page.enabled,
                "kill_agent": on_loopback if page.kill_agent is None else page.kill_agent,
                "temporal_ui_url": page.temporal_ui_url or ui,
            }
        ),
    )


def kill_button(agents: AgentProcesses) -> APIRouter:
    """The route of the button, for `create_app`."""
    router = APIRouter(include_in_schema=False)

    @router.post("/kill-agent/{session_id}", status_code=204)
    async def kill_agent(request: Request, session_id: str) -> None:
        """Only the page itself may ask: other pages in the same browser can reach this machine too."""
        origin = request.headers.get("origin", "")
        if urlsplit(origin).netloc != request.url.netloc or not _is_loopback(request.url.hostname):
            raise HTTPException(403, "Only the playground of this machine may kill agents.")
        if not await agents.kill(session_id):
            raise HTTPException(409, f"No agent serves {session_id} at this moment.")

    return router


def kill(pid: int, settings: Settings) -> bool:
    """`kill -9` a process of the stack with these settings; False when it has none of that id."""
    for process in marked(settings.stack.state_dir):
        if process.pid == pid:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                return False
            return True
    return False


def _is_loopback(hostname: str | None) -> bool:
    return hostname in ("localhost", "127.0.0.1", "::1")
