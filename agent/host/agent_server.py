"""Builds the AgentServer: warm job processes, registered with LiveKit for explicit dispatches only."""

from __future__ import annotations

import math

from livekit.agents import AgentServer, JobRequest

from agent import job
from agent.host.warm_processes import WarmProcesses
from agent.speech import PRELOAD_MODULES
from contracts.agent import DispatchMetadata
from contracts.identities import agent_identity
from settings import Settings

_LIVEKIT_STOPS_AT = 0.7
"""LiveKit itself dispatches nothing to a server from this load on."""


def _load(jobs: int, max_jobs: int) -> float:
    """Return the load reported to LiveKit: below its limit until every place is taken."""
    return 1.0 if jobs >= max_jobs else (_LIVEKIT_STOPS_AT - 0.01) * jobs / max_jobs


def build_server(settings: Settings) -> AgentServer:
    """Build an AgentServer; its `run()` serves until `aclose()`."""
    livekit, agent = settings.livekit, settings.agent
    server = AgentServer(
        ws_url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret.get_secret_value(),
        setup_fnc=job.prewarm_process,
        num_idle_processes=agent.idle_processes,
        initialize_process_timeout=60,
        # LiveKit drops bursts of dispatches when the reported load crosses the threshold; `accept` limits instead.
        load_threshold=math.inf,
        load_fnc=lambda server: _load(len(server.active_jobs), agent.max_jobs),
        host=agent.health_host,
        port=agent.health_port,
        # All metrics are made in this process: prometheus_client's multiprocess files are not needed.
        prometheus_port=settings.telemetry.agent_metrics_port or None,
        preload_modules=["agent.job", *PRELOAD_MODULES],
        log_level="INFO",  # livekit-agents' debug logs contain transcripts
    )

    warm = WarmProcesses(server, agent.idle_processes)

    async def accept(request: JobRequest) -> None:
        if len(server.active_jobs) >= agent.max_jobs:
            await request.reject()
            return
        warm.pause_spawning()
        generation = DispatchMetadata.model_validate_json(request.job.metadata).generation
        await request.accept(identity=agent_identity(generation, request.id), name="agent")

    server.rtc_session(job.run, agent_name=agent.name, on_request=accept)
    return server
