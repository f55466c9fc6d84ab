"""The parts of the stack in the order in which they start: command, ports, and how to tell that each is ready."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from settings import AgentSettings, Settings, SpeechSettings
from stack.processes import readiness
from stack.processes.ports import PortUse
from stack.servers.config import temporal_command
from stack.servers.find import Servers

PARTS = ("temporal", "livekit", "llm", "worker", "agent", "api")
"""What can be asked for. Each is one program of that name, but "agent": STACK_AGENT_SERVERS of them."""


@dataclass(frozen=True)
class Program:
    """One supervised process. `not_ready` gives the reason why it cannot serve yet, or None when it can."""

    name: str
    title: str
    command: list[str]
    not_ready: Callable[[Path], str | None]
    ready_seconds: float = 30
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    stop_as_group: bool = True
    environment: Mapping[str, str] = field(default_factory=dict)


def uses_own_language_model(speech: SpeechSettings) -> bool:
    """Whether the stack serves the language model itself: not when LLM_BASE_URL points elsewhere."""
    return bool(speech.llm_base_url == SpeechSettings.model_fields["llm_base_url"].default)


def parts_of(settings: Settings, wanted: Collection[str]) -> tuple[str, ...]:
    """The wanted parts, in starting order, less what the settings take from elsewhere."""
    unknown = set(wanted) - set(PARTS)
    if unknown:
        raise ValueError(f"unknown parts: {sorted(unknown)}; there are {PARTS}")
    own_llm = uses_own_language_model(settings.speech)
    return tuple(part for part in PARTS if part in wanted and (part != "llm" or own_llm))


def names_of(settings: Settings, parts: Collection[str]) -> list[str]:
    """The names of these parts' programs, in the same order."""
    agents = [agent_name(index) for index in range(settings.stack.agent_servers)]
    return [name for part in parts for name in (agents if part == "agent" else [part])]


def agent_name(index: int) -> str:
    """The program of the agent server with this index: agent, agent_2, agent_3 and so on."""
    return f"agent_{index + 1}" if index else "agent"


def agent_health_url(agent: AgentSettings, index: int) -> str:
    """Where the agent server with this index answers: at AGENT_HEALTH_PORT or, of those after the first, behind it."""
    host = "127.0.0.1" if agent.health_host == "0.0.0.0" else agent.health_host  # noqa: S104
    return f"http://{host}:{agent.health_port + index}"


def port_uses(settings: Settings, parts: Collection[str]) -> list[PortUse]:
    """Every port of these parts with its owner and the setting that moves it."""
    stack, api, agent, told = settings.stack, settings.api, settings.agent, settings.telemetry
    uses = {
        "temporal": (
            PortUse(stack.temporal_port, "Temporal", "STACK_TEMPORAL_PORT"),
            PortUse(stack.temporal_ui_port, "Temporal's web UI", "STACK_TEMPORAL_UI_PORT"),
        ),
        "livekit": (
            PortUse(stack.livekit_port, "LiveKit", "STACK_LIVEKIT_PORT"),
            PortUse(stack.livekit_udp_port, "LiveKit's media", "STACK_LIVEKIT_UDP_PORT", udp=True),
        ),
        "llm": (PortUse(stack.llm_port, "the language model server", "STACK_LLM_PORT"),),
        "worker": (
            PortUse(told.worker_metrics_port, "the worker's metrics", "WORKER_METRICS_PORT", host=told.metrics_host),
        ),
        "agent": tuple(
            PortUse(port and port + index, f"{what} of {agent_name(index)}", setting, host=agent.health_host)
            for index in range(stack.agent_servers)
            for port, what, setting in (
                (agent.health_port, "the health endpoint", "AGENT_HEALTH_PORT"),
                (told.agent_metrics_port, "the metrics", "AGENT_METRICS_PORT"),
            )
        ),
        "api": (PortUse(api.port, "the API", "API_PORT", host=api.host),),
    }
    return [use for part in parts for use in uses[part] if use.port]


def programs(settings: Settings, parts: Collection[str], state_dir: Path, servers: Servers) -> list[Program]:
    """The programs of these parts. `settings` are those of the stack: its addresses already point at itself."""
    stack, temporal = settings.stack, settings.temporal

    everything = (
        Program(
            "temporal",
            "Temporal",
            temporal_command(servers.temporal, settings, state_dir),
            lambda _: readiness.temporal(temporal),
        ),
        Program(
            "livekit",
            "LiveKit",
            [str(servers.livekit), "--config", str(state_dir / "livekit.yaml")],
            lambda _: readiness.http(f"http://127.0.0.1:{stack.livekit_port}/"),
            # Asked to stop in its first moments it never does; it keeps nothing that could be lost.
            stop_seconds=4,
        ),
        Program(
            "llm",
            "Language model",
            _python("agent.speech.embedded.model_server"),
            lambda _: readiness.http(f"{settings.speech.llm_base_url}/models"),
            ready_seconds=90,
        ),
        Program("worker", "Worker", _python("worker"), lambda _: readiness.worker(temporal), ready_seconds=60),
        *(_agent_server(settings, index) for index in range(stack.agent_servers)),
        Program(
            "api",
            "API",
            _python("stack.local_api" if settings.playground.kill_agent else "api"),
            lambda _: readiness.api(f"http://127.0.0.1:{settings.api.port}/health"),
            ready_seconds=60,
        ),
    )
    names = names_of(settings, parts)
    return [program for program in everything if program.name in names]


def _agent_server(settings: Settings, index: int) -> Program:
    agent, metrics_port, name = settings.agent, settings.telemetry.agent_metrics_port, agent_name(index)
    return Program(
        name,
        f"Agent {index + 1}" if index else "Agent",
        _python("agent"),
        lambda log: readiness.agent(agent_health_url(agent, index), log),
        ready_seconds=120,
        # SIGTERM would wait for sessions to be handed over to somebody, and here everybody stops.
        stop_signal="QUIT",
        # It must outlive the signal to close its job processes itself; what stays behind is swept.
        stop_as_group=False,
        environment={
            "AGENT_HEALTH_PORT": str(agent.health_port + index),
            "AGENT_METRICS_PORT": str(metrics_port and metrics_port + index),
        },
    )


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]
