"""`python -m lab.benchmarks`: measures everything, prints a table, writes JSON. Exits with 1 when anything failed."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from errors import SetupError
from lab import report
from lab.benchmarks.actions import actions
from lab.benchmarks.api_latency import bare_ends, start_answers, whole_lives
from lab.benchmarks.bare_temporal import bare_worker
from lab.benchmarks.call_latency import Conversations
from lab.benchmarks.comparison import Row, table
from lab.benchmarks.interruptions import interruptions
from lab.benchmarks.memory import memory
from lab.benchmarks.recoveries import Recoveries
from lab.caller import speech
from lab.chaos.world import world_of
from settings import Settings
from stack.local_stack import LocalStack

_MEMORY_CALLS = 2
_ORCHESTRATION = ("temporal", "livekit", "worker", "api")
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class _Counts:
    starts: int
    calls: int
    interruptions: int
    faults: int
    lives: int
    blocks: int
    at_once: int


@app.command()
def main(
    *,
    starts: Annotated[int, typer.Option(help="Starts, each beside a bare one.")] = 60,
    calls: Annotated[int, typer.Option(help="Spoken calls.")] = 12,
    interruptions: Annotated[int, typer.Option(help="Callers who interrupt the greeting.")] = 8,
    faults: Annotated[int, typer.Option(help="Faults of each kind.")] = 5,
    lives: Annotated[int, typer.Option(help="Whole lives in each block.")] = 60,
    blocks: Annotated[int, typer.Option(help="Blocks of whole lives, alternating with bare ones.")] = 3,
    at_once: Annotated[int, typer.Option(help="Lives at once.")] = 20,
    json: Annotated[Path | None, typer.Option(help="Where to write the figures.")] = None,
) -> None:
    """Measure on a stack of its own, side by side with bare Temporal; about six minutes on two cores."""
    console = report.make_console()
    settings = Settings()
    now = datetime.now(UTC)
    path = json or settings.stack.state_dir / "bench" / f"{now:%Y-%m-%dT%H%M%SZ}.json"
    logging.getLogger("livekit").setLevel(logging.CRITICAL)  # its client warns about every ended room
    speech.warm_up()
    counts = _Counts(starts, calls, interruptions, faults, lives, blocks, at_once)
    try:
        with console.status("starting") as status:
            rows = _measure(settings, counts, status.update)
    except SetupError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(1) from None
    table(rows).print(console)
    failed = [row for row in rows if row.failures]
    for row in failed:
        console.print(f"[red]{row.name}: {len(row.failures)} failed[/]", *row.failures[:3])
    machine = {"date": now.isoformat(timespec="seconds"), **report.machine()}
    report.write_json({"machine": machine, "rows": [row.as_json() for row in rows]}, path)
    console.print(f"written to {path}")
    raise typer.Exit(1 if failed else 0)


def _measure(settings: Settings, counts: _Counts, progress: Callable[[str], object]) -> list[Row]:
    """Measure orchestration on a stack without agents, as bare Temporal has none, then calls on a whole stack."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        # Nobody takes these launches, and no start is refused for that.
        patient = replace(settings, api=settings.api.model_copy(update={"max_queue_seconds": 0}))
        without_agents = LocalStack.isolated(Path(folder, "orchestration"), patient, _ORCHESTRATION)
        with without_agents as stack, bare_worker(stack.environment):
            rows = asyncio.run(_orchestration(stack, counts, progress))
        progress("starting agents")
        two = replace(settings, stack=settings.stack.model_copy(update={"agent_servers": 2}))
        with LocalStack.isolated(Path(folder, "calls"), two) as stack, bare_worker(stack.environment):
            return rows + asyncio.run(_calls(stack, counts, progress))


async def _orchestration(stack: LocalStack, counts: _Counts, progress: Callable[[str], object]) -> list[Row]:
    async with world_of(stack) as world:
        progress("answers to starts")
        starts = await start_answers(world.temporal, world.rest, counts.starts)
        progress(f"whole lives, {counts.at_once} at once")
        return [starts, await whole_lives(world.temporal, world.rest, counts.at_once, counts.blocks, counts.lives)]


async def _calls(stack: LocalStack, counts: _Counts, progress: Callable[[str], object]) -> list[Row]:
    async with world_of(stack) as world:
        progress("spoken calls")
        conversations = Conversations(world)
        await conversations.hold(counts.calls)
        rows = conversations.rows(await bare_ends(world.temporal, max(20, counts.calls)))
        progress("callers who interrupt")
        rows.append(await interruptions(world.rest, counts.interruptions))
        progress("actions of Temporal")
        rows += await actions(world)
        progress("memory")
        rows += await memory(world, _MEMORY_CALLS)
        if counts.faults:
            progress("agent failures")
            rows += await Recoveries(world).rows(counts.faults, conversations.greetings, conversations.replies)
    return rows


if __name__ == "__main__":
    app()
