"""The report of a load test: tables for the console, docs/LOAD.md, and JSON."""

from __future__ import annotations

import math
import platform
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from lab import report
from lab.load.figures import Kind, Load, Step, p95, ratio
from lab.report import Table
from lab.statistics import median

_COLUMNS = (
    *("step", "system", "callers", "refused", "told after", "heard", "first sound p50", "p95"),
    *("reply p50", "p95", "of idle", "answered", "a minute", "agents lost", "billed unheard", "errors", "back to idle"),
)
_LEFT = frozenset({"step", "system", "goal", "measured"})
_KINDS: tuple[tuple[Kind, str], ...] = (
    ("idle", "Lone callers"),
    ("ramp", "Calls at once"),
    ("offered", "Offered load"),
    ("ghosts", "Calls without a caller, then one with"),
    ("hogs", "Two calls beside processes that take all CPU they get"),
)
_PROVIDERS = {
    "hosted": "stand-ins on loopback of hosted providers, which take the time of real ones and next to no CPU",
    "embedded": "the embedded models, which share the machine",
}


def print_load(load: Load, console: Console) -> None:
    """Print all tables, and everything that is wrong."""
    for kind, title in _KINDS:
        if load.of(kind):
            _table(load, kind, title).print(console)
    for table in (_ratios(load), _goals(load)):
        if table.rows:
            table.print(console)
    for step in load.steps:
        for error, count in step.errors.items():
            console.print(f"[yellow]{_name(step)}, {step.system}: {count} x {error}[/]", soft_wrap=True)
    for text in load.wrong:
        console.print(f"[red]wrong: {text}[/]", soft_wrap=True)


def line(step: Step) -> str:
    """A finished step, for the progress of a run."""
    told = f", {step.refused} refused" if step.refused else ""
    return (
        f"{step.system}, {_name(step)}: {len(step.replies)} of {step.asked} questions of {len(step.calls)} callers "
        f"answered{told}; first sound {_seconds(median(step.first_sounds))}, reply {_seconds(median(step.replies))}, "
        f"p95 {_seconds(p95(step.replies))}"
    )


def as_json(load: Load) -> dict[str, Any]:
    """All figures and calls."""
    return {
        "command": load.command,
        "machine": {"date": load.date.isoformat(timespec="seconds"), **report.machine()},
        "providers": load.providers,
        "window": load.window,
        "questions": load.questions,
        "capacities": load.capacities,
        "steps": [step.as_json() for step in load.steps],
    }


def markdown(load: Load, picture: str) -> str:
    """The page. `picture` is its path from there."""
    machine = report.machine()
    lines = [
        "# Load: what happens beyond what the machine carries",
        "",
        f"`{load.command}` on {load.date:%Y-%m-%d}, on {machine['cores']} cores ({platform.system()} "
        f"{platform.machine()}, Python {machine['python']}), which carry callers, LiveKit and Temporal too. Speech and "
        f"language model: {_PROVIDERS[load.providers]}.",
        "",
        f"Callers arrive at a fixed rate for {load.window:g} s, however long they have to wait. Each starts a session, "
        f"hears the greeting, asks {load.questions} spoken questions and ends. *Plain worker* is the same agent as a "
        "registered livekit-agents worker with LiveKit's own dispatch, without workflow, bill or recovery "
        "(`lab/peers/plain_agent.py`), on the same LiveKit server, each step right after ours. "
        "[lab/load](../lab/load/README.md) says how each figure is taken.",
        "",
        f"![Answers a minute, replies and first sounds against the offered load]({picture})",
        "",
    ]
    capacities = ", ".join(f"{count} ({system})" for system, count in load.capacities.items())
    lines += [f"Calls at once at normal latency: {capacities}. Offered load is in times of ours.", ""]
    for table in (_goals(load), _ratios(load)):
        lines += [f"## {table.title}", "", *table.markdown(), ""] if table.rows else []
    for kind, title in _KINDS:
        if load.of(kind):
            lines += [f"## {title}", "", *_table(load, kind, title).markdown(), ""]
    lines += ["## Wrong bills, calls that did not end", "", *([f"- {text}" for text in load.wrong] or ["None."]), ""]
    return "\n".join(lines)


def _table(load: Load, kind: Kind, title: str) -> Table:
    rows = [_row(load, step) for step in load.of(kind)]
    shown = [index for index in range(len(_COLUMNS)) if index < 2 or any(row[index] != "-" for row in rows)]
    return Table(title, [_COLUMNS[index] for index in shown], [[row[index] for index in shown] for row in rows], _LEFT)


def _row(load: Load, step: Step) -> tuple[str, ...]:
    is_counted = any(call.generations for call in step.calls)
    is_open_loop = step.kind in ("ramp", "offered")
    back = (
        "-" if step.kind in ("idle", "ramp") else "not seen" if step.back_after is None else f"{step.back_after:.1f} s"
    )
    return (
        _name(step),
        step.system,
        str(len(step.calls)),
        str(step.refused) if is_open_loop else "-",
        _seconds(p95(step.refusals)),
        str(len(step.first_sounds)),
        _seconds(median(step.first_sounds)),
        _seconds(p95(step.first_sounds)),
        _seconds(median(step.replies)),
        _seconds(p95(step.replies)),
        _times(load.slowdown(step)),
        f"{len(step.replies)}/{step.asked}",
        f"{step.goodput:.1f}" if is_open_loop else "-",
        str(step.agents_lost) if is_counted else "-",
        str(step.billed_unheard) if is_counted else "-",
        str(step.errors.total()),
        back,
    )


def _name(step: Step) -> str:
    return {
        "idle": "idle",
        "ramp": f"{step.size:g} at once",
        "offered": f"{step.size:g}x",
        "ghosts": f"{step.size:g} ghosts",
        "hogs": f"{step.size:g} hogs",
    }[step.kind]


def _ratios(load: Load) -> Table:
    """Our figures over the peer's: more is better for answers, less for times."""
    rows: list[Sequence[str]] = []
    for ours, peer in load.pairs("idle", "offered", "ghosts", "hogs"):
        goodput = ratio(ours.goodput, peer.goodput) if ours.kind == "offered" else None
        pairs = (
            *((median(ours.first_sounds), median(peer.first_sounds)), (p95(ours.first_sounds), p95(peer.first_sounds))),
            *((median(ours.replies), median(peer.replies)), (p95(ours.replies), p95(peer.replies))),
        )
        rows.append((_name(ours), _times(goodput), *(_times(ratio(*pair)) for pair in pairs)))
    columns = ("step", "answers a minute", "first sound p50", "p95", "reply p50", "p95")
    return Table("Ours over the plain worker's", columns, rows, _LEFT)


def _goals(load: Load) -> Table:
    """What was to be reached, as far as it was measured."""
    ours = load.systems[0]
    found: list[tuple[str, str, float | None, str]] = []
    if len(load.systems) > 1:
        carried = ratio(load.capacities[ours], load.capacities[load.systems[1]])
        met = "-" if carried is None else _met(carried >= 1)
        found.append(("calls at normal latency, over the plain worker's", ">= 1x", carried, met))
    for step in load.steps:
        if step.system == ours:
            found += _goals_of(load, step)
    rows = [(name, goal, "-" if value is None else f"{value:.2f}", met) for name, goal, value, met in found]
    return Table("Goals", ("measured", "goal", "figure", "met"), rows, _LEFT)


def _goals_of(load: Load, step: Step) -> list[tuple[str, str, float | None, str]]:
    idle, name = load.idle(step.system), _name(step)
    at_most: list[tuple[str, float, str, float | None]] = []
    if step.kind == "offered" and step.size > 1:
        at_most.append(("replies of those admitted, p95 over idle", 1.5, "x", load.slowdown(step)))
        at_most.append(("seconds until a refusal, p95", 0.5, " s", p95(step.refusals)))
        at_most.append(("seconds back to idle", 5, " s", math.inf if step.back_after is None else step.back_after))
    if step.kind == "ghosts":
        at_most.append(("first sound over idle", 1.2, "x", ratio(median(step.first_sounds), median(idle.first_sounds))))
    if step.kind == "hogs":
        at_most.append(("agents declared dead", 0, "", step.agents_lost))
        if step.size <= 4:
            at_most.append(("replies, p95", 3, " s", p95(step.replies)))
    return [
        (f"{name}: {what}", f"<= {limit:g}{unit}", value, "-" if value is None else _met(value <= limit))
        for what, limit, unit, value in at_most
    ]


def _met(is_met: bool) -> str:
    return "yes" if is_met else "no"


def _seconds(value: float | None) -> str:
    return "-" if value is None else report.duration(value)


def _times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}x"
