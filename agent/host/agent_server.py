"""Builds the AgentServer of an agent host: a pool of warm job processes, not registered with LiveKit: hosts pull."""

from __future__ import annotations

import math

from livekit.agents import AgentServer

from agent import job
from agent.speech import PRELOAD_MODULES
from settings import Settings


def build_server(settings: Settings) -> AgentServer:
    """Build an AgentServer; its `run(unregistered=True)` keeps processes warm until `aclose()`."""
    livekit, agent = settings.livekit, settings.agent
    server = AgentServer(
        ws_url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret.get_secret_value(),
        setup_fnc=job.prewarm_process,
        num_idle_processes=agent.idle_processes,
        initialize_process_timeout=60,
        load_threshold=math.inf,
        load_fnc=lambda server: len(server.active_jobs) / agent.max_jobs,
        host=agent.health_host,
        port=agent.health_port,
        # All metrics are made in this process: prometheus_client's multiprocess files are not needed.
        prometheus_port=settings.telemetry.agent_metrics_port or None,
        preload_modules=["agent.job", *PRELOAD_MODULES],
        log_level="INFO",  # livekit-agents' debug logs contain transcripts
    )

    server.rtc_session(job.run)
    return server
