"""What routes are given, from the app's state."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from api.capacity import Capacity
from api.followers import Followers
from api.health import Health
from api.redeliveries import Redeliveries
from api.session_reader import SessionReader
from api.sessions import Sessions
from api.stats import Stats
from settings import Settings
from telemetry.api_metrics import ApiMetrics
from webhook_targets import AllowedTargets


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


def _reader(request: Request) -> SessionReader:
    reader: SessionReader = request.app.state.reader
    return reader


def _health(request: Request) -> Health:
    health: Health = request.app.state.health
    return health


def _followers(request: Request) -> Followers:
    followers: Followers = request.app.state.followers
    return followers


def _metrics(request: Request) -> ApiMetrics:
    metrics: ApiMetrics = request.app.state.metrics
    return metrics


def _capacity(request: Request) -> Capacity:
    capacity: Capacity = request.app.state.capacity
    return capacity


def _stats(request: Request) -> Stats:
    stats: Stats = request.app.state.stats
    return stats


def _redeliveries(request: Request) -> Redeliveries:
    redeliveries: Redeliveries = request.app.state.redeliveries
    return redeliveries


def _webhook_targets(request: Request) -> AllowedTargets:
    targets: AllowedTargets = request.app.state.webhook_targets
    return targets


SettingsDep = Annotated[Settings, Depends(_settings)]
SessionsDep = Annotated[Sessions, Depends(_sessions)]
ReaderDep = Annotated[SessionReader, Depends(_reader)]
HealthDep = Annotated[Health, Depends(_health)]
RedeliveriesDep = Annotated[Redeliveries, Depends(_redeliveries)]
WebhookTargetsDep = Annotated[AllowedTargets, Depends(_webhook_targets)]
CapacityDep = Annotated[Capacity, Depends(_capacity)]
StatsDep = Annotated[Stats, Depends(_stats)]
FollowersDep = Annotated[Followers, Depends(_followers)]
MetricsDep = Annotated[ApiMetrics, Depends(_metrics)]
