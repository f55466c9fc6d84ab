"""A soak can be repeated from its seed, and stays within its bounds."""

from __future__ import annotations

from lab.soak.plan import VICTIMS, Behaviour, Fault, draw


def test_a_seed_gives_the_same_run_again_and_another_one_does_not() -> None:
    bounds = {"sessions": 50, "seconds": 60, "kill_every_seconds": 5}
    assert draw(7, **bounds) == draw(7, **bounds)
    assert draw(7, **bounds).scripts != draw(8, **bounds).scripts


def test_everything_happens_within_the_bounds() -> None:
    plan = draw(1, sessions=300, seconds=60, kill_every_seconds=5)
    assert len(plan.scripts) == len({script.user_name for script in plan.scripts}) == 300
    assert all(0 <= script.begins_at <= 60 for script in plan.scripts)
    assert {script.behaviour for script in plan.scripts} == set(Behaviour)
    assert {script.fault for script in plan.scripts} == set(Fault)
    assert all("left" in script.news for script in plan.scripts)
    assert {"joined"} <= {news for script in plan.scripts for news in script.news}
    assert 6 <= len(plan.kills) <= 24
    assert all(kill.at < 60 and kill.victim in VICTIMS for kill in plan.kills)
