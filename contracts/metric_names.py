"""Names and buckets of the metrics that workflows record and the worker serves to Prometheus.

Names are without the `_total` that Prometheus adds to counters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

ENDS: Final = "voice_session_ends"
LOSSES: Final = "voice_agent_losses"
FIRST_READY: Final = "voice_agent_first_ready_seconds"
RECOVERY: Final = "voice_agent_recovery_seconds"
FIRST_SOUND: Final = "voice_first_sound_seconds"
WEBHOOKS: Final = "voice_customer_webhooks"
WEBHOOK_LAG: Final = "voice_customer_webhook_lag_seconds"

WebhookOutcome = Literal["delivered", "given_up", "gone"]

BUCKETS: Final[Mapping[str, Sequence[float]]] = {
    FIRST_READY: (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 15, 30, 60),
    RECOVERY: (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 15, 30, 60),
    FIRST_SOUND: (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 15, 30),
    WEBHOOK_LAG: (0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300, 1800, 7200, 28800, 86400),
}
"""Upper bounds in seconds."""
