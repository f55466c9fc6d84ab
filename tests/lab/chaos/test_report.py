"""The report tells what happened, honestly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console

from lab.chaos.checks import CHECKS, wrong_results
from lab.chaos.measure import measure
from lab.chaos.plan import Kind
from lab.chaos.record import CallRecord
from lab.chaos.report import Run, markdown, print_run
from lab.chaos.run import Verdict
from tests.fakes.chaotic_calls import good_call


def run_of(*calls: CallRecord, kinds: tuple[Kind, ...] = (Kind.JOB,)) -> Run:
    for call in calls:
        measure(call)
    verdicts = [Verdict(call, wrong_results(call)) for call in calls]
    return Run(7, 1, kinds, datetime(2026, 11, 23, tzinfo=UTC), 120, verdicts)


def test_a_row_for_each_kind_with_its_figures() -> None:
    page = markdown(run_of(good_call(), good_call(Kind.WORKER), kinds=(Kind.JOB, Kind.WORKER)))
    (job,) = [line for line in page.splitlines() if line.startswith(f"| {Kind.JOB} ")]
    assert job == f"| {Kind.JOB} | 1 | 1 | 1 | 2 | 0 | 1.00 s | 1.00 s | 1.00 s | 1.00 s | 2.50 s | 1.00 s |"
    (worker,) = [line for line in page.splitlines() if line.startswith(f"| {Kind.WORKER} ")]
    assert worker == f"| {Kind.WORKER} | 1 | 1 | 1 | 2 | 0 | - | - | - | - | 2.50 s | 1.00 s |"
    assert "**0 wrong results**" in page
    assert page.endswith("## Wrong results\n\nNone.\n")


def test_every_promise_is_named_with_how_it_is_checked() -> None:
    page = markdown(run_of(good_call()))
    for check in CHECKS:
        assert check.__doc__
        assert check.__doc__.splitlines()[0] in page


def test_a_wrong_result_stands_there_with_what_repeats_it() -> None:
    bad = replace(good_call(), ended_at=40.0)
    run = run_of(good_call(), bad)
    page = markdown(run)
    assert run.wrong == 1
    assert "**1 wrong results**" in page
    assert "billed 25 s, by the caller's clock 35.0 s" in page
    assert "while the agent speaks at 0.5" in page
    assert "`make chaos SEED=7 ROUNDS=1 KINDS=job`" in page


def test_a_run_of_all_kinds_is_repeated_without_naming_them() -> None:
    assert run_of(kinds=tuple(Kind)).command == "make chaos SEED=7 ROUNDS=1"
    assert run_of(kinds=(Kind.JOB, Kind.DRAIN)).command == 'make chaos SEED=7 ROUNDS=1 KINDS="job drain"'


def test_the_console_shows_the_same() -> None:
    console = Console(width=200)
    with console.capture() as shown:
        print_run(run_of(good_call()), console)
    assert "0 wrong results, seed 7" in shown.get()
    assert Kind.JOB in shown.get()


def test_an_empty_run_has_a_report() -> None:
    assert "| - |" in markdown(run_of())
