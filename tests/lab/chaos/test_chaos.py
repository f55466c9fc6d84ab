"""The short form of `make chaos`: one call with three faults on a stack of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.caller import speech
from lab.chaos.call_plan import CallPlan, Ending, Fault, FaultKind, Moment, draw
from lab.chaos.suite import Suite, Verdict

pytestmark = pytest.mark.slow

SEED = 4
FAULTS = (
    Fault(FaultKind.JOB, Moment.AGENT_SPEAKS, offset=0.5),
    Fault(FaultKind.API, Moment.PENDING, offset=0.5),
    Fault(FaultKind.WORKER, Moment.CALLER_SPEAKS, offset=0.5),
)


class RecordedProgress:
    """Keeps the injected faults."""

    def __init__(self) -> None:
        self.seen: list[Fault] = []

    def fault_injected(self, _: CallPlan, fault: Fault) -> None:
        self.seen.append(fault)

    def call_judged(self, verdict: Verdict) -> None:
        pass


async def test_a_call_survives_faults(tmp_path: Path) -> None:
    speech.warm_up()
    (drawn,) = draw(SEED, [FaultKind.JOB], rounds=1)
    progress = RecordedProgress()
    plan = CallPlan(1, FaultKind.JOB, FAULTS, drawn.numbers, Ending.API)
    verdict, other = await Suite(SEED, tmp_path, 1, progress).run([plan])
    assert (verdict.wrong, other.wrong) == ([], [])
    assert other.call.plan.beside
    assert other.call.generations == 1
    assert progress.seen == list(FAULTS)
    assert [injection.fault for injection in verdict.call.injections] == list(FAULTS)
    recovered = verdict.call.injections[0].back_at
    assert recovered is not None
    assert len(verdict.call.model_requests) >= len(verdict.call.exchanges) >= len(FAULTS) + 2
    assert (tmp_path / "call-1.json").exists()
