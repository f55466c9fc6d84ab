"""The figure of live sessions: there while Temporal answers, and gone, not old, while it does not."""

from __future__ import annotations

from api.live_sessions import count
from contracts import SessionState
from errors import TemporalUnavailable
from telemetry.api_metrics import ApiMetrics
from tests.fakes.session_counts import FakeSessionCounts


async def test_the_figure_is_gone_while_nobody_knows_it() -> None:
    counts, metrics = FakeSessionCounts(), ApiMetrics()
    counts.visible = {"a": ("acme", SessionState.ACTIVE), "b": ("other", SessionState.ACTIVE)}

    def shown(state: SessionState) -> float | None:
        return metrics.registry.get_sample_value("voice_sessions", {"state": state.value})

    await count(counts, metrics)
    assert (shown(SessionState.ACTIVE), shown(SessionState.WAITING), shown(SessionState.ENDED)) == (2, 0, None)
    counts.failure = TemporalUnavailable("Temporal is unreachable.")
    await count(counts, metrics)
    assert shown(SessionState.ACTIVE) is None
    counts.failure = None
    await count(counts, metrics)
    assert shown(SessionState.ACTIVE) == 2
