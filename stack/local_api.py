"""`python -m stack.local_api`: the API of the local stack, whose playground can kill the agent of a call."""

from __future__ import annotations

import sys

from api.__main__ import serve
from api.app import create_app
from connections.temporal_client import LazyClient
from errors import SetupError
from settings import Settings
from stack.agent_processes import LocalAgentProcesses
from stack.playground import kill, kill_button

if __name__ == "__main__":
    try:
        settings = Settings()
        agents = LocalAgentProcesses(LazyClient(settings.temporal), settings, kill)
        serve(create_app(settings, kill_button=kill_button(agents)), settings)
    except SetupError as error:
        sys.exit(str(error))
