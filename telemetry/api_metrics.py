"""Metrics of the API for Prometheus. No label names a session or a user."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from contracts.statuses import SessionStatus
from errors import JoinTokenFailed, KeyTaken, NoPlace, NoWorkerAnswered, SessionEnded, TemporalUnavailable

_OUTCOMES: tuple[tuple[type[BaseException], str], ...] = (
    (JoinTokenFailed, "join_token_failed"),
    (NoWorkerAnswered, "no_worker"),
    (TemporalUnavailable, "temporal_unavailable"),
    (NoPlace, "no_place"),
    (KeyTaken, "refused"),
    (SessionEnded, "refused"),
    (Exception, "error"),
    (BaseException, "abandoned"),  # the client disconnected
)


class ApiMetrics:
    """The metrics of one API process. Each has its own registry, so that tests can create several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._starts = Counter(
            "voice_session_starts", "Requests for a session, by outcome.", ["outcome"], registry=self.registry
        )
        for outcome in ("ok", *(name for _, name in _OUTCOMES)):
            self._starts.labels(outcome)  # exported as 0, or the first failure would not be an increase
        self._join_token = Histogram(
            "voice_join_token_seconds",
            "From the request for a session to its join token.",
            buckets=(0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10),
            registry=self.registry,
        )
        self._webhook_lag = Histogram(
            "voice_webhook_lag_seconds",
            "From the second in which LiveKit made an event to its delivery to the session.",
            buckets=(0.5, 1, 1.5, 2, 3, 5, 10, 30, 60, 300),
            registry=self.registry,
        )
        self._sessions = Gauge(
            "voice_sessions",
            "Live sessions by state, as Temporal's visibility store has them; each API shows all of them.",
            ["state"],
            registry=self.registry,
        )

    @contextmanager
    def start(self) -> Iterator[None]:
        """Count the outcome of one start, and observe the time to its join token."""
        began = time.perf_counter()
        try:
            yield
        except BaseException as error:
            self._starts.labels(next(name for kind, name in _OUTCOMES if isinstance(error, kind))).inc()
            raise
        self._starts.labels("ok").inc()
        self._join_token.observe(time.perf_counter() - began)

    def webhook_delivered(self, created_at_ms: int | None) -> None:
        """Observe the lag of a webhook that reached its session. LiveKit's `createdAt` has whole seconds."""
        if created_at_ms is not None:
            self._webhook_lag.observe(max(0.0, time.time() - created_at_ms / 1000))

    def live_sessions(self, counts: dict[SessionStatus, int] | None) -> None:
        """Set the number of live sessions by state. None removes it: missing is better than old."""
        self._sessions.clear()
        for state, count in (counts or {}).items():
            self._sessions.labels(state.value).set(count)
