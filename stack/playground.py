"""What `make up` sets for the page at /playground: it is there, links to this Temporal's UI, and may kill agents."""

from __future__ import annotations

from dataclasses import replace

import psutil

from settings import Settings
from stack.processes.orphans import marked


def with_playground(settings: Settings) -> Settings:
    """`settings` with what the user left open; agents may be killed only where this machine alone can ask for it."""
    page = settings.playground
    mine = f"http://localhost:{settings.stack.temporal_ui_port}"
    on_loopback = settings.api.on_loopback
    return replace(
        settings,
        playground=page.model_copy(
            update={
                "enabled": settings.api.keys_file is None if page.enabled is None else page.enabled,
                "kill_agent": on_loopback if page.kill_agent is None else page.kill_agent,
                "temporal_ui_url": page.temporal_ui_url or mine,
            }
        ),
    )


def kill(pid: int, settings: Settings) -> bool:
    """`kill -9` of a process of the stack that these settings are of; False when it has none of that id."""
    for process in marked(settings.stack.state_dir):
        if process.pid == pid:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                return False
            return True
    return False
