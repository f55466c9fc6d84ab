"""The plan of a soak."""

from __future__ import annotations

from lab.soak.scripts import VICTIMS, AgentFailure, Behaviour, draw


def test_the_plan_follows_from_the_seed() -> None:
    bounds = {"sessions": 50, "seconds": 60, "kill_every_seconds": 5}
    assert draw(7, **bounds) == draw(7, **bounds)
    assert draw(7, **bounds).scripts != draw(8, **bounds).scripts


def test_the_plan_stays_within_its_bounds() -> None:
    plan = draw(1, sessions=300, seconds=60, kill_every_seconds=5)
    assert len(plan.scripts) == len({script.user_name for script in plan.scripts}) == 300
    assert all(0 <= script.begins_at <= 60 for script in plan.scripts)
    assert {script.behaviour for script in plan.scripts} == set(Behaviour)
    assert {script.failure for script in plan.scripts} == set(AgentFailure)
    assert all("left" in script.webhooks for script in plan.scripts)
    assert {"joined"} <= {webhook for script in plan.scripts for webhook in script.webhooks}
    assert 6 <= len(plan.kills) <= 24
    assert all(kill.at < 60 and kill.victim in VICTIMS for kill in plan.kills)
