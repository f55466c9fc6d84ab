"""`python -m lab.benchmarks`: measure everything, print the table, write the JSON. Exit 1 when anything failed."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from connections.temporal_client import connect
from errors import SetupError
from lab.benchmarks.answers import bare_ends, start_answers, whole_lives
from lab.benchmarks.bare import bare_worker
from lab.benchmarks.call_latency import Conversations
from lab.benchmarks.interruptions import interruptions
from lab.benchmarks.memory import memory
from lab.benchmarks.recoveries import Recoveries
from lab.benchmarks.report import Row, print_table, write_json
from lab.caller import SessionClient, speech
from lab.chaos.world import world_of
from settings import Settings
from stack.local_stack import LocalStack

_MEMORY_CALLS = 2
_ORCHESTRATION = ("temporal", "livekit", "worker", "api")


def main() -> int:
    """Run on a stack of its own; the counts bound the time to about six minutes on two cores."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.benchmarks", description="Measure, side by side with bare Temporal."
    )
    parser.add_argument("--starts", type=int, default=60, help="starts, each beside a bare one (%(default)s)")
    parser.add_argument("--calls", type=int, default=12, help="spoken calls (%(default)s)")
    parser.add_argument("--interruptions", type=int, default=8, help="greetings spoken into (%(default)s)")
    parser.add_argument("--faults", type=int, default=5, help="faults of each kind (%(default)s)")
    parser.add_argument("--lives", type=int, default=60, help="whole lives in each block (%(default)s)")
    parser.add_argument("--blocks", type=int, default=3, help="blocks of whole lives, by turns (%(default)s)")
    parser.add_argument("--at-once", type=int, default=20, help="lives at once (%(default)s)")
    parser.add_argument("--json", type=Path, help="where to write the figures (.state/bench/<date>.json)")
    options = parser.parse_args()
    console = Console(highlight=False)
    settings = Settings()
    now = datetime.now(UTC)
    path = options.json or settings.stack.state_dir / "bench" / f"{now:%Y-%m-%dT%H%M%SZ}.json"
    logging.getLogger("livekit").setLevel(logging.CRITICAL)  # an ended room is news to the client each time
    speech.warm_up()
    try:
        with console.status("starting") as status:
            rows = _measure(settings, options, status.update)
    except SetupError as error:
        console.print(f"[red]{error}[/]")
        return 1
    print_table(rows, console if console.is_terminal else Console(highlight=False, width=140))
    write_json(rows, _machine(now), path)
    console.print(f"written to {path}")
    return 1 if any(row.failures for row in rows) else 0


def _measure(settings: Settings, options: argparse.Namespace, tell: Callable[[str], object]) -> list[Row]:
    """Orchestration on a stack without agents, as bare Temporal has none either; then calls on a whole one."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bare_bones = LocalStack.isolated(Path(folder, "orchestration"), settings, _ORCHESTRATION)
        with bare_bones as stack, bare_worker(stack.environment):
            rows = asyncio.run(_orchestration(stack, options, tell))
        tell("starting agents")
        two = replace(settings, stack=settings.stack.model_copy(update={"agent_servers": 2}))
        with LocalStack.isolated(Path(folder, "calls"), two) as stack, bare_worker(stack.environment):
            return rows + asyncio.run(_calls(stack, options, tell))


async def _orchestration(stack: LocalStack, options: argparse.Namespace, tell: Callable[[str], object]) -> list[Row]:
    client = await connect(stack.settings.temporal)
    async with SessionClient(_api_url(stack)) as api:
        tell("answers to starts")
        starts = await start_answers(client, api, options.starts)
        tell(f"whole lives, {options.at_once} at once")
        return [starts, await whole_lives(client, api, options.at_once, options.blocks, options.lives)]


async def _calls(stack: LocalStack, options: argparse.Namespace, tell: Callable[[str], object]) -> list[Row]:
    client = await connect(stack.settings.temporal)
    async with SessionClient(_api_url(stack)) as api:
        tell("spoken calls")
        conversations = Conversations(api, client)
        await conversations.hold(options.calls)
        rows = conversations.rows(await bare_ends(client, max(20, options.calls)))
        tell("callers who interrupt")
        rows.append(await interruptions(api, options.interruptions))
    async with world_of(stack) as world:
        tell("memory")
        rows += await memory(world, _MEMORY_CALLS)
        if options.faults:
            tell("agents that are lost")
            rows += await Recoveries(world).rows(options.faults, conversations.greetings, conversations.replies)
    return rows


def _api_url(stack: LocalStack) -> str:
    return f"http://127.0.0.1:{stack.settings.api.port}"


def _machine(now: datetime) -> dict[str, Any]:
    return {
        "date": now.isoformat(timespec="seconds"),
        "cores": os.cpu_count(),
        "platform": platform.platform(),
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    sys.exit(main())
