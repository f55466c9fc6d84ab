"""The report of a chaos run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console

from lab.chaos.call_plan import FaultKind
from lab.chaos.call_record import CallRecord
from lab.chaos.checks import CHECKS, wrong_results
from lab.chaos.recovery import measure
from lab.chaos.reliability import BESIDE, Run, markdown, print_run
from lab.chaos.suite import Verdict
from tests.fakes.chaotic_calls import good_call


def run_of(*calls: CallRecord, kinds: tuple[FaultKind, ...] = (FaultKind.JOB,)) -> Run:
    for call in calls:
        measure(call)
    verdicts = [Verdict(call, wrong_results(call)) for call in calls]
    return Run(7, 1, BESIDE, kinds, datetime(2026, 11, 23, tzinfo=UTC), 120, verdicts)


def test_each_kind_has_a_row_with_its_figures() -> None:
    page = markdown(run_of(good_call(), good_call(FaultKind.WORKER), kinds=(FaultKind.JOB, FaultKind.WORKER)))
    (job,) = [line for line in page.splitlines() if line.startswith(f"| {FaultKind.JOB} ")]
    assert job == f"| {FaultKind.JOB} | 1 | 1 | 1 | 2 | 0 | 1.00 s | 1.00 s | 1.00 s | 1.00 s | 2.50 s | 1.00 s |"
    (worker,) = [line for line in page.splitlines() if line.startswith(f"| {FaultKind.WORKER} ")]
    assert worker == f"| {FaultKind.WORKER} | 1 | 1 | 1 | 2 | 0 | - | - | - | - | 2.50 s | 1.00 s |"
    assert "**0 wrong results**" in page
    assert page.endswith("## Wrong results\n\nNone.\n")


def test_every_check_is_named_with_its_promise() -> None:
    page = markdown(run_of(good_call()))
    for check in CHECKS:
        assert check.__doc__
        assert check.__doc__.splitlines()[0] in page


def test_a_wrong_result_is_listed_with_the_command_that_repeats_it() -> None:
    bad = replace(good_call(), ended_at=40.0)
    run = run_of(good_call(), bad)
    page = markdown(run)
    assert run.wrong == 1
    assert "**1 wrong results**" in page
    assert "billed 25 s, by the caller's clock 34.0 to 35.0 s" in page
    assert "while the agent speaks at 0.5" in page
    assert "`make chaos SEED=7 ROUNDS=1 KINDS=job`" in page


def test_the_command_names_kinds_only_if_some_are_left_out() -> None:
    assert run_of(kinds=tuple(FaultKind)).command == "make chaos SEED=7 ROUNDS=1"
    assert run_of(kinds=(FaultKind.JOB, FaultKind.DRAIN)).command == 'make chaos SEED=7 ROUNDS=1 KINDS="job drain"'


def test_the_console_shows_the_table() -> None:
    console = Console(width=200)
    with console.capture() as shown:
        print_run(run_of(good_call()), console)
    assert "0 wrong results, seed 7" in shown.get()
    assert FaultKind.JOB in shown.get()


def test_an_empty_run_has_a_report() -> None:
    assert "| - |" in markdown(run_of())
