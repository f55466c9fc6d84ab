"""What routes are given, from the app's state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request

from api.event_stream.hub import Followers
from api.gateway.capacity import Capacity
from api.gateway.session_counts import SessionCounts
from api.gateway.session_reader import SessionReader
from api.gateway.sessions import Sessions
from api.gateway.webhook_redelivery import Redeliveries
from api.monitoring.health import Health
from api.monitoring.stats import Stats
from connections.webhook_targets import AllowedTargets
from settings import Settings
from telemetry.api_metrics import ApiMetrics


def _of_app(name: str) -> Callable[[Request], Any]:
    """Gives a route what `create_app` composed under this name."""

    def part(request: Request) -> Any:
        return getattr(request.app.state, name)

    return part


SettingsDep = Annotated[Settings, Depends(_of_app("settings"))]
SessionsDep = Annotated[Sessions, Depends(_of_app("sessions"))]
ReaderDep = Annotated[SessionReader, Depends(_of_app("reader"))]
HealthDep = Annotated[Health, Depends(_of_app("health"))]
RedeliveriesDep = Annotated[Redeliveries, Depends(_of_app("redeliveries"))]
WebhookTargetsDep = Annotated[AllowedTargets, Depends(_of_app("webhook_targets"))]
CapacityDep = Annotated[Capacity, Depends(_of_app("capacity"))]
StatsDep = Annotated[Stats, Depends(_of_app("stats"))]
FollowersDep = Annotated[Followers, Depends(_of_app("followers"))]
CountsDep = Annotated[SessionCounts, Depends(_of_app("counts"))]
MetricsDep = Annotated[ApiMetrics, Depends(_of_app("metrics"))]
