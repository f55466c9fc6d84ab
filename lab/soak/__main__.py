"""`python -m lab.soak`: soaks the system and prints the count. Exits with 1 on any wrong result."""

from __future__ import annotations

import asyncio
import logging
import shutil
from typing import Annotated

import typer

from errors import SetupError
from lab import planner, report
from lab.soak.run import Result, soak
from lab.soak.scripts import draw
from settings import Settings

_SHOWN = 20
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    seed: Annotated[int | None, typer.Option(help="Repeats a run.", show_default="random")] = None,
    sessions: Annotated[int, typer.Option(help="How many sessions.")] = 150,
    seconds: Annotated[float, typer.Option(help="They begin within this time.")] = 120,
    kill_every: Annotated[float, typer.Option(help="Seconds between kills.")] = 6,
) -> None:
    """Run many short sessions while servers are killed. The defaults take about three minutes on two cores."""
    console = report.make_console()
    logging.getLogger("livekit").setLevel(logging.CRITICAL)  # its client warns about every ended room
    seed = planner.random_seed() if seed is None else seed
    plan = draw(seed, sessions=sessions, seconds=seconds, kill_every_seconds=kill_every)
    folder = Settings().stack.state_dir / "soak" / str(plan.seed)
    shutil.rmtree(folder, ignore_errors=True)
    console.print(f"seed {plan.seed}: {len(plan.scripts)} sessions, {len(plan.kills)} kills")
    try:
        with console.status("starting") as status:
            result = asyncio.run(soak(plan, folder, status.update))
    except SetupError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(1) from None
    _table(result).print(console)
    for line in result.found.wrong[:_SHOWN]:
        console.print(f"[red]wrong:[/] {line}", soft_wrap=True)
    if result.found.wrong:
        console.print(f"logs and the histories of these sessions are kept in {folder}")
        raise typer.Exit(1)
    shutil.rmtree(folder)


def _table(result: Result) -> report.Table:
    found = result.found
    figures = {
        "sessions with a bill": sum(found.ended.values()),
        **{f"  ended as {reason}": number for reason, number in sorted(found.ended.items())},
        "starts without an answer, withdrawn": found.abandoned,
        "bills compared": found.bills,
        "agents that served": found.generations,
        "  failed as planned": result.agent_failures,
        "kills (SIGKILL)": result.kills.total(),
        **{f"  of {name}": number for name, number in sorted(result.kills.items())},
        **{f"retried after: {failure}": number for failure, number in sorted(result.rest_failures.items())},
        "histories replayed": found.replayed,
        "sessions a minute": f"{60 * sum(found.ended.values()) / result.seconds:.0f}",
        "wrong results": len(found.wrong),
    }
    rows = [(name, str(figure)) for name, figure in figures.items()]
    title = f"Soak, seed {result.plan.seed}, {result.seconds:.0f} s"
    return report.Table(title, ("count", "figure"), rows, left=frozenset({"count"}))


if __name__ == "__main__":
    app()
