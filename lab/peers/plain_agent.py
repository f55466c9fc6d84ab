"""The same agent as a plain livekit-agents worker: registered with LiveKit, dispatched by it, without a workflow.

Instructions, turn handling, providers, warm processes and their preparation are those of our agent. Nothing of it
survives its process, nothing of the call is stored, and nobody is billed.
"""

from __future__ import annotations

import asyncio
from typing import Final

from livekit.agents import Agent, AgentServer, AutoSubscribe, JobContext, JobProcess

from agent.conversation.instructions import instructions
from agent.conversation.prewarm import prewarm
from agent.conversation.turn_taking import build_session
from agent.speech import PRELOAD_MODULES, SpeechModels, load
from contracts.agent import Briefing
from contracts.agent_options import AgentOptions
from settings import Settings

AGENT_NAME: Final = "plain-agent"
_OPTIONS: Final = AgentOptions()


def prewarm_process(process: JobProcess) -> None:
    """Load everything slow before the process gets a job."""
    process.userdata["speech"] = speech = load(Settings().speech)
    asyncio.run(prewarm(speech))


async def serve(ctx: JobContext) -> None:
    """Greet the caller, then answer."""
    models: SpeechModels = ctx.proc.userdata["speech"]
    briefing = Briefing(
        session_id=ctx.room.name,
        generation=1,
        user_name="load",
        caller_identity="caller",
        options=_OPTIONS,
        heartbeat_timeout_seconds=0,
    )
    session = build_session(models.for_voice(_OPTIONS.voice_id))
    await ctx.connect(auto_subscribe=AutoSubscribe.AUDIO_ONLY)
    await session.start(Agent(instructions=instructions(briefing)), room=ctx.room, record=False, session_host=False)
    session.say(_OPTIONS.opening_line)


def build_server(settings: Settings, port: int, max_jobs: int) -> AgentServer:
    """The worker, with the process pool of our agent host.

    It takes jobs up to livekit-agents' own limit, which is 0.7 of the CPU, or with `max_jobs` up to that number.
    """
    livekit = settings.livekit
    server = AgentServer(
        ws_url=livekit.url,
        api_key=livekit.api_key,
        api_secret=livekit.api_secret.get_secret_value(),
        setup_fnc=prewarm_process,
        num_idle_processes=settings.agent.idle_processes,
        initialize_process_timeout=60,
        load_fnc=(lambda server: len(server.active_jobs) / max_jobs) if max_jobs else None,
        host="127.0.0.1",
        port=port,
        preload_modules=["lab.peers.plain_agent", *PRELOAD_MODULES],
        log_level="WARN",
    )
    server.rtc_session(serve, agent_name=AGENT_NAME)
    return server
