"""`python -m lab.chaos`: strike calls with every kind of fault, print what it cost. Exit 1 on a wrong result."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

from rich.console import Console
from temporalio.runtime import Runtime, TelemetryConfig

from errors import SetupError
from lab.caller import speech
from lab.chaos.plan import CallPlan, Kind, Strike, draw
from lab.chaos.report import Run, markdown, print_run
from lab.chaos.run import Suite, Verdict
from settings import Settings


def main() -> int:
    """About 55 minutes for twenty of each kind on two cores."""
    options = _options()
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    # Cut lines are no news here, neither LiveKit's nor Temporal's.
    logging.getLogger("livekit").setLevel(logging.CRITICAL)
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)))
    kinds = [Kind[name.upper()] for name in options.kinds] or list(Kind)
    plans = draw(options.seed, kinds, options.rounds)
    strikes = sum(len(plan.strikes) for plan in plans)
    now = datetime.now(UTC)
    folder = Settings().stack.state_dir / "chaos" / f"{now:%Y-%m-%dT%H%M%SZ}"
    console.print(f"[bold]seed {options.seed}[/]: {strikes} faults in {len(plans)} calls; logs and traces in {folder}")
    speech.warm_up()
    progress = _Progress(console, strikes)
    try:
        folder.mkdir(parents=True)
        verdicts = asyncio.run(Suite(options.seed, folder, progress).run(plans))
    except SetupError as error:
        console.print(f"[red]{error}[/]")
        return 1
    outcome = Run(options.seed, options.rounds, tuple(kinds), now, monotonic() - progress.began, verdicts)
    print_run(outcome, console)
    if options.report:
        options.report.write_text(markdown(outcome))
        console.print(f"written to {options.report}")
    return 1 if any(verdict.wrong for verdict in verdicts) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m lab.chaos", description="Attack a call, and see what it costs.")
    names = [kind.name.lower() for kind in Kind]
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(1_000_000), help="what all is drawn from (random)"
    )
    parser.add_argument("--rounds", type=int, default=20, help="faults of each kind (%(default)s)")
    parser.add_argument("--kinds", nargs="*", default=[], choices=names, metavar="KIND", help=", ".join(names))
    parser.add_argument("--report", type=Path, help="where to write the report, such as docs/RELIABILITY.md")
    return parser.parse_args()


class _Progress:
    """One line a fault, one line a call."""

    def __init__(self, console: Console, strikes: int) -> None:
        self.began = monotonic()
        self._console, self._strikes, self._struck = console, strikes, 0

    def struck(self, plan: CallPlan, strike: Strike) -> None:
        """A fault strikes."""
        self._struck += 1
        where = f"{strike.kind} [dim]{strike.moment}, call {plan.index}[/]"
        self._console.print(f"{self._at}  {self._struck:3d}/{self._strikes}  {where}")

    def judged(self, verdict: Verdict) -> None:
        """A call is over."""
        call = verdict.call
        answered = sum(exchange.answered_at is not None for exchange in call.exchanges)
        colour, word = ("red", "WRONG") if verdict.wrong else ("green", "right")
        self._console.print(f"{self._at}  call {call.plan.index}: [{colour}]{word}[/], {answered} numbers answered")
        for complaint in verdict.wrong:
            self._console.print(f"          [red]{complaint}[/] [dim]{call.session_id}[/]")

    @property
    def _at(self) -> str:
        return f"{monotonic() - self.began:6.0f} s"


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    # Temporal's client may panic while Python goes down around its threads, and its signal would be our exit status.
    os._exit(status)
