"""The parts of the stack in the order in which they start: command, ports, and how to tell that each is ready."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from settings import Settings, SpeechSettings
from stack import readiness
from stack.ports import PortUse
from stack.server_config import temporal_command
from stack.servers import Servers

PARTS = ("temporal", "livekit", "llm", "worker", "agent", "api")


@dataclass(frozen=True)
class Program:
    """One supervised process. `not_ready` gives the reason why it cannot serve yet, or None when it can."""

    name: str
    title: str
    command: list[str]
    not_ready: Callable[[Path], str | None]
    ports: tuple[PortUse, ...] = ()
    ready_seconds: float = 30
    stop_seconds: int = 10
    stop_as_group: bool = True


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


def port_uses(settings: Settings, parts: Collection[str]) -> list[PortUse]:
    """Every port of these parts with its owner and the setting that moves it."""
    stack, api, agent = settings.stack, settings.api, settings.agent
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
        "agent": (
            PortUse(agent.health_port, "the agent's health endpoint", "AGENT_HEALTH_PORT", host=agent.health_host),
        ),
        "api": (PortUse(api.port, "the API", "API_PORT", host=api.host),),
    }
    return [use for part in parts for use in uses.get(part, ())]


def programs(settings: Settings, parts: Collection[str], state_dir: Path, servers: Servers) -> list[Program]:
    """The programs of these parts. `settings` are those of the stack: its addresses already point at itself."""
    stack, temporal = settings.stack, settings.temporal

    def python(module: str) -> list[str]:
        return [sys.executable, "-m", module]

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
            python("stack.language_model"),
            lambda _: readiness.http(f"{settings.speech.llm_base_url}/models"),
            ready_seconds=90,
        ),
        Program("worker", "Worker", python("worker"), lambda _: readiness.worker(temporal), ready_seconds=60),
        Program(
            "agent",
            "Agent",
            python("agent"),
            lambda log: readiness.agent(settings.agent.health_url, log),
            ready_seconds=120,
            # It must outlive the signal to close its job processes itself; what stays behind is swept.
            stop_as_group=False,
        ),
        Program(
            "api",
            "API",
            python("api"),
            lambda _: readiness.api(f"http://127.0.0.1:{settings.api.port}/health"),
            ready_seconds=60,
        ),
    )
    return [program for program in everything if program.name in parts]
