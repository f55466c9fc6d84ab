"""What sessions measure of themselves, where it is decided. The worker that runs them serves it to Prometheus.

The meter counts nothing while a workflow is replayed. A workflow task that is done a second time, since the worker that
had it died before it could say so, may count twice. Names are without the `_total` that Prometheus adds to counters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts import EndReason
    from workflows.losses import Loss

ENDS: Final = "voice_session_ends"
LOSSES: Final = "voice_agent_losses"
FIRST_READY: Final = "voice_agent_first_ready_seconds"
RECOVERY: Final = "voice_agent_recovery_seconds"
FIRST_SOUND: Final = "voice_first_sound_seconds"

BUCKETS: Final[Mapping[str, Sequence[float]]] = {
    FIRST_READY: (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 15, 30, 60),
    RECOVERY: (0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 15, 30, 60),
    FIRST_SOUND: (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 15, 30),
}
"""Upper bounds in seconds."""


def ended(reason: EndReason) -> None:
    """A session's end is decided."""
    workflow.metric_meter().create_counter(ENDS, "Sessions that ended, by reason.").add(1, {"reason": reason.value})


def lost(loss: Loss) -> None:
    """An agent that was wanted is gone, and did not hand over."""
    counter = workflow.metric_meter().create_counter(LOSSES, "Agents that were wanted and are gone, by cause.")
    counter.add(1, {"cause": loss.cause})


def first_ready(seconds: float) -> None:
    """From the session's start until its first agent was ready."""
    _seconds(FIRST_READY, "From a session's start to its first ready agent.", seconds)


def recovered(seconds: float) -> None:
    """From the loss of an agent until the next one had the word."""
    _seconds(RECOVERY, "From the loss of an agent to the next ready one.", seconds)


def first_sound(seconds: float) -> None:
    """From the caller's first join until the agent's first words sounded."""
    _seconds(FIRST_SOUND, "From the caller's first join to the agent's first sound.", seconds)


def _seconds(name: str, description: str, seconds: float) -> None:
    workflow.metric_meter().create_histogram_float(name, description, "s").record(max(0.0, seconds))
