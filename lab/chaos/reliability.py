"""The report of a chaos run: a table for the console, and docs/RELIABILITY.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console

from lab.chaos.call_plan import SILENCING, FaultKind
from lab.chaos.checks import CHECKS
from lab.chaos.recovery import recovery
from lab.chaos.suite import Verdict
from lab.report import Table, duration
from lab.statistics import median, summary

_COLUMNS = (
    *("fault", "injected", "survived", "calls", "agents", "wrong results"),
    *("recovery min", "median", "p99", "max", "reply", "longest silence"),
)


BESIDE = 1
"""Calls beside each attacked one, unless a run says otherwise."""


@dataclass(frozen=True)
class Run:
    """A finished run."""

    seed: int
    rounds: int
    beside: int
    kinds: tuple[FaultKind, ...]
    date: datetime
    seconds: float
    verdicts: Sequence[Verdict]

    @property
    def command(self) -> str:
        """The command that repeats it."""
        names = " ".join(kind.name.lower() for kind in self.kinds)
        chosen = "" if len(self.kinds) == len(FaultKind) else f' KINDS="{names}"'
        beside = "" if self.beside == BESIDE else f" BESIDE={self.beside}"
        return f"make chaos SEED={self.seed} ROUNDS={self.rounds}{beside}{chosen}"

    @property
    def wrong(self) -> int:
        """The number of wrong results in all calls."""
        return sum(len(verdict.wrong) for verdict in self.verdicts)

    @property
    def undisturbed(self) -> list[float]:
        """Reply times of exchanges before the first fault of their call."""
        firsts = [each.call.exchanges[0] for each in self.verdicts if each.call.exchanges and not each.call.plan.beside]
        return [first.reply_seconds for first in firsts if first.reply_seconds is not None]


def print_run(run: Run, console: Console) -> None:
    """Print the table, and every wrong result with the command that repeats it."""
    _table(run).print(console)
    console.print(_undisturbed(run))
    for line in _wrong_results(run):
        console.print(f"[red]{line}[/]")


def markdown(run: Run) -> str:
    """The page."""
    promises = [
        f"- **{check.__name__.replace('_', ' ')}**: {(check.__doc__ or '').splitlines()[0]}" for check in CHECKS
    ]
    wrong = [f"- {line}" for line in _wrong_results(run)] or ["None."]
    injected = sum(len(verdict.call.injections) for verdict in run.verdicts)
    return "\n".join(
        [
            "# Reliability: what a call lives through",
            "",
            f"`{run.command}` on {run.date:%Y-%m-%d}: {injected} faults in {len(run.verdicts)} calls, "
            f"{run.beside + 1} at once, **{run.wrong} wrong results**, in {run.seconds / 60:.0f} minutes "
            f"on {os.cpu_count()} cores "
            f"({platform.system()} {platform.machine()}, Python {platform.python_version()}). "
            "The same command with `REPORT=docs/RELIABILITY.md` writes this page.",
            "",
            "A caller speaks on a real stack: LiveKit, Temporal, API, worker, two AgentServers, the embedded speech "
            "models. Every sentence carries a number. The language model is a scripted one that answers from the "
            "history of each request, so a lost, doubled or forgotten turn shows. Beside each attacked call others go "
            "on and pass the same checks; a fault of another call's job they must not notice. "
            "Faults are injected while the agent "
            "speaks, while the caller speaks, right after a question, and in quiet; the seed decides.",
            "",
            "## Faults",
            "",
            *_table(run).markdown(),
            "",
            "Recovery: from the fault, or from the end of the caller's sentence during it, to the next sound "
            "of an agent, for faults that take the agent away. Reply: median from the end of a question with a fault "
            "to the sound of its answer. Longest silence: the longest stretch without any sound, from a fault "
            "to the end of the answer. Agents: generations of the attacked calls, one each if no agent was replaced. "
            f"{_undisturbed(run)} Partitions are injected half as often as kills, and faults of half a minute "
            "or more a quarter as often.",
            "",
            "## What is checked after each call",
            "",
            *promises,
            "",
            "## Wrong results",
            "",
            *wrong,
            "",
        ]
    )


def _table(run: Run) -> Table:
    title = f"[{'red' if run.wrong else 'green'}]{run.wrong} wrong results, seed {run.seed}[/]"
    return Table(title, _COLUMNS, [_row(run, kind) for kind in run.kinds], left=frozenset({"fault"}))


def _row(run: Run, kind: FaultKind) -> tuple[str, ...]:
    verdicts = [verdict for verdict in run.verdicts if verdict.call.plan.kind is kind]
    hit = [exchange for verdict in verdicts for exchange in verdict.call.exchanges if exchange.injection]
    replies = [exchange.reply_seconds for exchange in hit if exchange.reply_seconds is not None]
    silences = [each.injection.silence for each in hit if each.injection and each.injection.silence is not None]
    recoveries = [seconds for seconds in map(recovery, hit) if seconds is not None] if kind in SILENCING else []
    return (
        kind,
        str(len(hit)),
        str(sum(exchange.answered_at is not None for exchange in hit)),
        str(len(verdicts)),
        str(sum(verdict.call.generations for verdict in verdicts if not verdict.call.plan.beside)),
        str(sum(len(verdict.wrong) for verdict in verdicts)),
        *([duration(figure) for figure in summary(recoveries).values()] or ["-"] * 4),
        _or_dash(median(replies)),
        _or_dash(max(silences, default=None)),
    )


def _or_dash(seconds: float | None) -> str:
    return "-" if seconds is None else duration(seconds)


def _undisturbed(run: Run) -> str:
    if not run.undisturbed:
        return "There was no undisturbed reply."
    figures = summary(run.undisturbed)
    return f"Undisturbed replies: median {duration(figures['p50'])}, longest {duration(figures['max'])}."


def _wrong_results(run: Run) -> Iterator[str]:
    for verdict in run.verdicts:
        plan = verdict.call.plan
        for complaint in verdict.wrong:
            steps = "; ".join(f"{fault.moment} at {fault.offset:g}" for fault in plan.faults)
            again = f"make chaos SEED={run.seed} ROUNDS={run.rounds} KINDS={plan.kind.name.lower()}"
            yield f"call {plan.index} ({plan.kind}; {steps}): {complaint}. `{again}`"
