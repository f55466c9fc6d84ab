"""Configures the Temporal SDK's runtime of a process: its metrics, those of workflows, and its log lines."""

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
    """The runtime of a worker, with metrics at WORKER_METRICS_PORT. Raises `SetupError`.

    The SDK serves its own metrics and those of workflows, which are exact and replay-safe there.
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
        raise SetupError(f"WORKER_METRICS_PORT: cannot listen on {address} ({error}); set another port.") from None


def session_of_call() -> str:
    """The session id of the running workflow or activity; empty outside of both."""
    if workflow.in_workflow():
        return session_of(workflow.info().workflow_id)
    return session_of(activity.info().workflow_id or "") if activity.in_activity() else ""


def _logging(log_format: LogFormat) -> LoggingConfig:
    """The SDK's core has its own line format; for JSON its lines go through Python's logging."""
    if log_format == "text":
        return LoggingConfig.default
    forwarding = LogForwardingConfig(logger=logging.getLogger("temporalio.core"))
    return LoggingConfig(filter=LoggingConfig.default.filter, forwarding=forwarding)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
