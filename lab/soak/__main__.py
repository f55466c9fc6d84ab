"""`python -m lab.soak`: soak, print the table. Exit 1 on any wrong result."""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import shutil
import sys

from rich.console import Console
from rich.table import Table

from errors import SetupError
from lab.soak.plan import draw
from lab.soak.run import Result, soak
from settings import Settings

_SHOWN = 20


def main() -> int:
    """The defaults take about three minutes on two cores."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.soak", description="Many short sessions, while servers are killed."
    )
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="what to repeat (random)")
    parser.add_argument("--sessions", type=int, default=150, help="how many (%(default)s)")
    parser.add_argument("--seconds", type=float, default=120, help="within which they begin (%(default)s)")
    parser.add_argument("--kill-every", type=float, default=6, help="seconds between kills (%(default)s)")
    options = parser.parse_args()
    console = Console(highlight=False)
    logging.getLogger("livekit").setLevel(logging.CRITICAL)  # an ended room is news to the client each time
    plan = draw(options.seed, sessions=options.sessions, seconds=options.seconds, kill_every_seconds=options.kill_every)
    folder = Settings().stack.state_dir / "soak" / str(plan.seed)
    shutil.rmtree(folder, ignore_errors=True)
    console.print(f"seed {plan.seed}: {len(plan.scripts)} sessions, {len(plan.kills)} kills")
    try:
        with console.status("starting") as status:
            result = asyncio.run(soak(plan, folder, status.update))
    except SetupError as error:
        console.print(f"[red]{error}[/]")
        return 1
    console.print(table(result))
    for line in result.found.wrong[:_SHOWN]:
        console.print(f"[red]wrong:[/] {line}", soft_wrap=True)
    if result.found.wrong:
        console.print(f"logs and the histories of these sessions are kept in {folder}")
        return 1
    shutil.rmtree(folder)
    return 0


def table(result: Result) -> Table:
    """The figures of a soak, one a row."""
    found = result.found
    rows = {
        "sessions with a bill": sum(found.ended.values()),
        **{f"  ended as {reason}": number for reason, number in sorted(found.ended.items())},
        "starts without an answer, withdrawn": found.abandoned,
        "bills compared": found.bills,
        "agents that served": found.generations,
        "  lost on purpose": result.agents_lost,
        "kills (SIGKILL)": result.kills.total(),
        **{f"  of {name}": number for name, number in sorted(result.kills.items())},
        **{f"tried again after: {what}": number for what, number in sorted(result.refused.items())},
        "histories replayed": found.replayed,
        "sessions a minute": f"{60 * sum(found.ended.values()) / result.seconds:.0f}",
        "wrong results": len(found.wrong),
    }
    lines = Table(title=f"Soak, seed {result.plan.seed}, {result.seconds:.0f} s", title_justify="left")
    lines.add_column("what")
    lines.add_column("figure", justify="right")
    for what, figure in rows.items():
        lines.add_row(what, str(figure))
    return lines


if __name__ == "__main__":
    sys.exit(main())
