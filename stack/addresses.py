"""The addresses of a stack: on free ports for tests, and in the settings that its processes get."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from settings import Settings
from stack.processes.ports import free_ports, free_run
from stack.processes.programs import agent_health_url, uses_own_language_model, uses_own_speech_server


def on_free_ports(settings: Settings, state_dir: Path) -> Settings:
    """`settings` with a state folder of their own, every port a free one, and no metrics."""
    temporal, ui, livekit, udp, llm, speech, api = free_ports(7)
    ports = {
        "temporal_port": temporal,
        "temporal_ui_port": ui,
        "livekit_port": livekit,
        "livekit_udp_port": udp,
        "llm_port": llm,
        "speech_port": speech,
    }
    health = free_run(settings.stack.agent_servers)
    # Nobody reads its metrics, and another stack of the same user may serve its own at those ports.
    no_metrics = dict.fromkeys(("worker_metrics_port", "agent_metrics_port"), 0)
    return replace(
        settings,
        stack=settings.stack.model_copy(update={"state_dir": state_dir, **ports}),
        agent=settings.agent.model_copy(update={"health_port": health}),
        api=settings.api.model_copy(update={"port": api}),
        telemetry=settings.telemetry.model_copy(update=no_metrics),
    )


def with_own_addresses(
    settings: Settings, parts: Collection[str], state_dir: Path, key_pair: tuple[str, str]
) -> Settings:
    """`settings` that point at the servers of this stack, with LiveKit's `key_pair`."""
    stack, speech = settings.stack, settings.speech
    key, secret = key_pair
    livekit = {"url": f"ws://127.0.0.1:{stack.livekit_port}", "api_key": key, "api_secret": SecretStr(secret)}
    health_url = agent_health_url(settings.agent, 0) if "agent" in parts else ""
    if uses_own_language_model(speech):
        speech = speech.model_copy(update={"llm_base_url": f"http://127.0.0.1:{stack.llm_port}/v1"})
    if uses_own_speech_server(speech):
        speech = speech.model_copy(update={"speech_base_url": f"http://127.0.0.1:{stack.speech_port}/v1"})
    return replace(
        settings,
        stack=stack.model_copy(update={"state_dir": state_dir}),
        temporal=settings.temporal.model_copy(update={"address": f"127.0.0.1:{stack.temporal_port}", "tls": False}),
        livekit=settings.livekit.model_copy(update=livekit),
        agent=settings.agent.model_copy(update={"health_url": health_url}),
        speech=speech,
    )
