"""The AgentServer: warm job processes, registered with LiveKit under a name that only explicit dispatches reach."""

from __future__ import annotations

import math

from livekit.agents import AgentServer, JobRequest

from agent import job
from agent.speech import PRELOAD_MODULES
from contracts import DispatchMetadata
from identities import agent_identity
from settings import Settings


def build_server(settings: Settings) -> AgentServer:
    """An AgentServer for `settings`; `run()` serves until `aclose()`."""
    livekit, agent = settings.livekit, settings.agent
    server = AgentServer(
        ws_url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret.get_secret_value(),
        setup_fnc=job.warm_up,
        num_idle_processes=agent.idle_processes,
        initialize_process_timeout=60,
        # LiveKit drops dispatches in bursts when the load it is told crosses the threshold; `accept` limits instead.
        load_threshold=math.inf,
        load_fnc=lambda server: min(len(server.active_jobs) / agent.max_jobs, 1.0),
        host=agent.health_host,
        port=agent.health_port,
        # All of its figures are made in this process: none of them needs prometheus_client's files of other processes.
        prometheus_port=settings.telemetry.agent_metrics_port or None,
        preload_modules=["agent.job", *PRELOAD_MODULES],
        log_level="INFO",  # below it livekit-agents logs what callers say
    )

    async def accept(request: JobRequest) -> None:
        if len(server.active_jobs) >= agent.max_jobs:
            await request.reject()
            return
        generation = DispatchMetadata.model_validate_json(request.job.metadata).generation
        await request.accept(identity=agent_identity(generation, request.id), name="agent")

    server.rtc_session(job.run, agent_name=agent.name, on_request=accept)
    return server
