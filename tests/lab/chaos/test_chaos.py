"""The short form of `make chaos`: one call on a stack of its own, struck three times."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.caller import speech
from lab.chaos.plan import CallPlan, Ending, Kind, Moment, Strike, draw
from lab.chaos.run import Suite, Verdict

pytestmark = pytest.mark.slow

SEED = 4
STRIKES = (
    Strike(Kind.JOB, Moment.AGENT_SPEAKS, offset=0.5),
    Strike(Kind.API, Moment.PENDING, offset=0.5),
    Strike(Kind.WORKER, Moment.CALLER_SPEAKS, offset=0.5),
)


class Witness:
    """Keeps what struck."""

    def __init__(self) -> None:
        self.seen: list[Strike] = []

    def struck(self, _: CallPlan, strike: Strike) -> None:
        self.seen.append(strike)

    def judged(self, verdict: Verdict) -> None:
        pass


async def test_a_call_lives_through_what_strikes_it(tmp_path: Path) -> None:
    speech.warm_up()
    (drawn,) = draw(SEED, [Kind.JOB], rounds=1)
    witness = Witness()
    plan = CallPlan(1, Kind.JOB, STRIKES, drawn.numbers, Ending.API)
    (verdict,) = await Suite(SEED, tmp_path, witness).run([plan])
    assert verdict.wrong == []
    assert witness.seen == list(STRIKES)
    assert [hit.strike for hit in verdict.call.hits] == list(STRIKES)
    recovered = verdict.call.hits[0].back_at
    assert recovered is not None
    assert len(verdict.call.asked) >= len(verdict.call.exchanges) >= len(STRIKES) + 2
    assert (tmp_path / "call-1.json").exists()
