"""Responses about the service itself, spelled as the API reference spells them."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class WebhookResponse(_Answer):
    """The event was delivered, or concerns no session."""

    status: Literal["ok"] = "ok"
    event: str = Field(examples=["participant_left"])


class HealthResponse(_Answer):
    """The state of every part. `degraded` when any part is down or not configured."""

    status: Literal["healthy", "degraded"]
    livekit_url: str = Field(examples=["wss://your-project.livekit.cloud"])
    livekit_configured: bool = Field(description="URL and key pair are set.", examples=[True])
    livekit_connected: bool = Field(description="LiveKit answers and accepts our key.", examples=[True])
    temporal_connected: bool = Field(description="Temporal answers.", examples=[True])
    workers_available: bool = Field(description="A worker is polling for sessions.", examples=[True])
    agents_available: bool | None = Field(
        description="The agent server answers; null where AGENT_HEALTH_URL is not set.", examples=[True]
    )
    redis_connected: bool = Field(
        description="The same as temporal_connected.", deprecated="Use temporal_connected.", examples=[True]
    )
    celery_available: bool = Field(
        description="The same as workers_available.", deprecated="Use workers_available.", examples=[True]
    )
    down: list[str] = Field(description="The parts that do not work, by name.", examples=[[]])


class RootResponse(_Answer):
    """The name, version and features of the service."""

    service: str = "Voice Assistant Orchestrator"
    status: str = "running"
    version: str = "2.0.0"
    type: str = "Python FastAPI"
    features: list[str] = ["session_tracking", "cleanup", "livekit_webhooks"]
