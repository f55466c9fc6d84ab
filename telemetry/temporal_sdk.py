"""Temporal's runtime of a process: its metrics, with those that workflows record, and its own log lines."""

from __future__ import annotations

import logging

from temporalio import activity, workflow
from temporalio.runtime import (
    LogForwardingConfig,
    LoggingConfig,
    PrometheusConfig,
    Runtime,
    TelemetryConfig,
)

from contracts.customer_webhooks import session_of
from contracts.metric_names import BUCKETS
from errors import SetupError
from settings import TelemetrySettings
from telemetry.logs import LogFormat


def worker_runtime(settings: TelemetrySettings) -> Runtime:
    """The runtime of a worker. Prometheus reads it at WORKER_METRICS_PORT. Raises `SetupError`.

    The SDK serves its metrics itself: one address for them and for what workflows record, exact and replay-safe.
    """
    address = f"{_bracketed(settings.metrics_host)}:{settings.worker_metrics_port}"
    metrics = (
        PrometheusConfig(
            bind_address=address,
            counters_total_suffix=True,
            durations_as_seconds=True,
            histogram_bucket_overrides=BUCKETS,
        )
        if settings.worker_metrics_port
        else None
    )
    try:
        return Runtime(telemetry=TelemetryConfig(metrics=metrics, logging=_logging(settings.log_format)))
    except (ValueError, RuntimeError) as error:
        raise SetupError(f"WORKER_METRICS_PORT: cannot listen on {address} ({error}).") from None


def session_of_call() -> str:
    """The session whose workflow or activity runs here; empty outside of both."""
    if workflow.in_workflow():
        return session_of(workflow.info().workflow_id)
    return session_of(activity.info().workflow_id or "") if activity.in_activity() else ""


def _logging(log_format: LogFormat) -> LoggingConfig:
    """The SDK's core writes lines of its own form; where lines must be JSON they take the way of all others."""
    if log_format == "text":
        return LoggingConfig.default
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    return LoggingConfig(filter=LoggingConfig.default.filter, forwarding=forwarding)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
