"""`python -m lab.chaos`: injects every kind of fault into calls and prints the cost. Exits with 1 on a wrong result."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console
from temporalio.runtime import Runtime, TelemetryConfig

from errors import SetupError
from lab import planner, report
from lab.caller import speech
from lab.chaos.call_plan import CallPlan, Fault, FaultKind, draw
from lab.chaos.reliability import BESIDE, Run, markdown, print_run
from lab.chaos.suite import Suite, Verdict
from settings import Settings

_NAMES = [kind.name.lower() for kind in FaultKind]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def _kind(name: str) -> FaultKind:
    if name not in _NAMES:
        raise typer.BadParameter(f"one of {', '.join(_NAMES)}")
    return FaultKind[name.upper()]


@app.command()
def main(
    *,
    more_kinds: Annotated[list[FaultKind] | None, typer.Argument(parser=_kind, hidden=True)] = None,
    seed: Annotated[int | None, typer.Option(help="Repeats a run.", show_default="random")] = None,
    rounds: Annotated[int, typer.Option(help="Faults of each kind.")] = 20,
    beside: Annotated[int, typer.Option(help="Calls that go on beside each attacked one.")] = BESIDE,
    kinds: Annotated[
        list[FaultKind] | None,
        typer.Option(parser=_kind, metavar="KIND ...", help=f"Only these: {', '.join(_NAMES)}.", show_default="all"),
    ] = None,
    report_path: Annotated[
        Path | None, typer.Option("--report", help="Where to write the report, such as docs/RELIABILITY.md.")
    ] = None,
) -> None:
    """Attack calls and measure the cost. Twenty rounds of each kind take about 55 minutes on two cores."""
    console = report.make_console()
    # Both clients warn about every cut connection.
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)))
    chosen = [*(kinds or ()), *(more_kinds or ())] or list(FaultKind)
    seed = planner.random_seed() if seed is None else seed
    plans = draw(seed, chosen, rounds)
    faults = sum(len(plan.faults) for plan in plans)
    now = datetime.now(UTC)
    folder = Settings().stack.state_dir / "chaos" / f"{now:%Y-%m-%dT%H%M%SZ}"
    console.print(f"[bold]seed {seed}[/]: {faults} faults in {len(plans)} calls; logs and traces in {folder}")
    speech.warm_up()
    progress = _ConsoleProgress(console, faults)
    try:
        folder.mkdir(parents=True)
        verdicts = asyncio.run(Suite(seed, folder, beside, progress).run(plans))
    except SetupError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(1) from None
    run = Run(seed, rounds, beside, tuple(chosen), now, monotonic() - progress.began, verdicts)
    print_run(run, console)
    if report_path:
        report_path.write_text(markdown(run))
        console.print(f"written to {report_path}")
    raise typer.Exit(1 if run.wrong else 0)


class _ConsoleProgress:
    """Prints one line for each fault and each call."""

    def __init__(self, console: Console, faults: int) -> None:
        self.began = monotonic()
        self._console, self._faults, self._injected = console, faults, 0

    def fault_injected(self, plan: CallPlan, fault: Fault) -> None:
        self._injected += 1
        where = f"{fault.kind} [dim]{fault.moment}, call {plan.index}[/]"
        self._console.print(f"{self._elapsed}  {self._injected:3d}/{self._faults}  {where}")

    def call_judged(self, verdict: Verdict) -> None:
        call = verdict.call
        answered = sum(exchange.answered_at is not None for exchange in call.exchanges)
        colour, word = ("red", "WRONG") if verdict.wrong else ("green", "right")
        name = f"beside call {call.plan.index}" if call.plan.beside else f"call {call.plan.index}"
        self._console.print(f"{self._elapsed}  {name}: [{colour}]{word}[/], {answered} numbers answered")
        for complaint in verdict.wrong:
            self._console.print(f"          [red]{complaint}[/] [dim]{call.session_id}[/]")

    @property
    def _elapsed(self) -> str:
        return f"{monotonic() - self.began:6.0f} s"


if __name__ == "__main__":
    try:
        app()
    except SystemExit as end:
        sys.stdout.flush()
        sys.stderr.flush()
        # Temporal's client may panic at Python's exit around its threads, and its signal would be our exit status.
        os._exit(int(end.code or 0))
