"""A run as a table for the console and as a page of markdown."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.table import Table

from lab.benchmarks.report import percentile
from lab.chaos.checks import CHECKS
from lab.chaos.measure import recovery
from lab.chaos.plan import SILENCES, Kind
from lab.chaos.record import Exchange
from lab.chaos.run import Verdict

_HEADINGS = (
    "fault",
    "struck",
    "survived",
    "calls",
    "agents",
    "wrong results",
    "recovery min",
    "median",
    "p99",
    "max",
    "reply",
    "longest silence",
)


@dataclass(frozen=True)
class Run:
    """A finished run."""

    seed: int
    rounds: int
    kinds: tuple[Kind, ...]
    date: datetime
    seconds: float
    verdicts: Sequence[Verdict]

    @property
    def command(self) -> str:
        """What repeats it."""
        everything = "" if len(self.kinds) == len(Kind) else f' KINDS="{" ".join(k.name.lower() for k in self.kinds)}"'
        return f"make chaos SEED={self.seed} ROUNDS={self.rounds}{everything}"

    @property
    def wrong(self) -> int:
        """Wrong results of all calls."""
        return sum(len(verdict.wrong) for verdict in self.verdicts)

    @property
    def undisturbed(self) -> list[float]:
        """Reply times of exchanges before the first fault of their call."""
        firsts = [verdict.call.exchanges[0] for verdict in self.verdicts if verdict.call.exchanges]
        return [first.reply_seconds for first in firsts if first.reply_seconds is not None]


def print_run(run: Run, console: Console) -> None:
    """The table, and every wrong result with what repeats it."""
    table = Table(title=f"{run.wrong} wrong results, seed {run.seed}", title_style="red" if run.wrong else "green")
    for heading in _HEADINGS:
        table.add_column(heading, justify="left" if heading == "fault" else "right")
    for row in _rows(run):
        table.add_row(*row)
    console.print(table)
    console.print(_undisturbed(run))
    for line in _wrong_results(run):
        console.print(f"[red]{line}[/]")


def markdown(run: Run) -> str:
    """The page."""
    table = [_HEADINGS, tuple("---" if heading == "fault" else "--:" for heading in _HEADINGS), *_rows(run)]
    promises = [
        f"- **{check.__name__.replace('_', ' ')}**: {(check.__doc__ or '').splitlines()[0]}" for check in CHECKS
    ]
    wrong = [f"- {line}" for line in _wrong_results(run)] or ["None."]
    struck = sum(len(verdict.call.hits) for verdict in run.verdicts)
    return "\n".join(
        [
            "# Reliability: what a call lives through",
            "",
            f"`{run.command}` on {run.date:%Y-%m-%d}: {struck} faults in {len(run.verdicts)} calls, "
            f"**{run.wrong} wrong results**, in {run.seconds / 60:.0f} minutes on {os.cpu_count()} cores "
            f"({platform.system()} {platform.machine()}, Python {platform.python_version()}). "
            "The page is written by the same command with `REPORT=docs/RELIABILITY.md`.",
            "",
            "A caller speaks on a real stack: LiveKit, Temporal, API, worker, two AgentServers, the embedded speech "
            "models. Every sentence carries a number, and the language model is a scripted one that answers from the "
            "history it is asked with, so that a lost, doubled or forgotten turn shows. Faults strike while the agent "
            "speaks, while the caller speaks, right after a question, and in quiet; the seed says which when.",
            "",
            "## Faults",
            "",
            *(f"| {' | '.join(row)} |" for row in table),
            "",
            "Recovery: from the fault, or from the end of the sentence that the caller was saying, to the next sound "
            "of an agent, where a fault takes the agent away. Reply: median from the end of a question that was struck "
            "to the sound of its answer. Longest silence: the longest stretch in which nobody was heard, from a fault "
            "to the end of the answer. Agents: how many generations those calls had, one each when none was lost or "
            f"relieved. {_undisturbed(run)} Partitions strike half as often as kills, and what lasts half a minute "
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


def _rows(run: Run) -> Iterator[tuple[str, ...]]:
    for kind in run.kinds:
        verdicts = [verdict for verdict in run.verdicts if verdict.call.plan.kind is kind]
        struck = [exchange for verdict in verdicts for exchange in verdict.call.exchanges if exchange.hit]
        replies = [exchange.reply_seconds for exchange in struck if exchange.reply_seconds is not None]
        silences = [exchange.hit.silence for exchange in struck if exchange.hit and exchange.hit.silence is not None]
        yield (
            kind,
            str(len(struck)),
            str(sum(_survived(exchange) for exchange in struck)),
            str(len(verdicts)),
            str(sum(verdict.call.generations for verdict in verdicts)),
            str(sum(len(verdict.wrong) for verdict in verdicts)),
            *_spread([seconds for seconds in map(recovery, struck) if seconds is not None], kind),
            _seconds(percentile(replies, 0.5)) if replies else "-",
            _seconds(max(silences)) if silences else "-",
        )


def _survived(exchange: Exchange) -> bool:
    return exchange.answered_at is not None


def _spread(values: Sequence[float], kind: Kind) -> tuple[str, str, str, str]:
    if not values or kind not in SILENCES:
        return "-", "-", "-", "-"
    at = [percentile(values, share) for share in (0.5, 0.99)]
    return _seconds(min(values)), _seconds(at[0]), _seconds(at[1]), _seconds(max(values))


def _undisturbed(run: Run) -> str:
    if not run.undisturbed:
        return "No reply came undisturbed."
    median, longest = percentile(run.undisturbed, 0.5), max(run.undisturbed)
    return f"Undisturbed replies: median {_seconds(median)}, longest {_seconds(longest)}."


def _wrong_results(run: Run) -> Iterator[str]:
    for verdict in run.verdicts:
        plan = verdict.call.plan
        for complaint in verdict.wrong:
            steps = "; ".join(f"{strike.moment} at {strike.offset:g}" for strike in plan.strikes)
            again = f"make chaos SEED={run.seed} ROUNDS={run.rounds} KINDS={plan.kind.name.lower()}"
            yield f"call {plan.index} ({plan.kind}; {steps}): {complaint}. `{again}`"


def _seconds(value: float) -> str:
    return f"{value:.2f} s"
