"""`python -m lab.load`: offers half to three times what the machine carries. Exits with 1 on a wrong result."""

from __future__ import annotations

import asyncio
import logging
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from temporalio.runtime import Runtime, TelemetryConfig

from errors import SetupError
from lab import report
from lab.caller import speech
from lab.chaos.world import world_of
from lab.children import child, wait_ready
from lab.hosted_stand_in import with_hosted_providers
from lab.load.figures import Load, Step
from lab.load.lines import OurSystem, PlainWorker, System
from lab.load.load_page import as_json, line, markdown, print_load
from lab.load.measurement import Measurement, Options
from lab.load.spoken_call import QUESTIONS
from lab.rest_client import SessionClient
from settings import Settings
from stack.local_stack import LocalStack
from stack.processes.orphans import MARK
from stack.processes.ports import free_ports

_PATIENCE_SECONDS = 30.0
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class Providers(StrEnum):
    """Speech and language model of the agents."""

    HOSTED = "hosted"
    EMBEDDED = "embedded"


def _quick(options: Options) -> Options:
    """The same in short: it shows that everything works, and its figures mean little."""
    return replace(
        options,
        idle_calls=1,
        questions=1,
        window=8,
        factors=(1, 2),
        ramp_limit=2,
        ghosts=10,
        hogs=(4,),
        hog_seconds=8,
        back_seconds=5,
    )


def _numbers(text: str) -> list[float]:
    try:
        return [float(number) for number in text.split()]
    except ValueError:
        raise typer.BadParameter("numbers, with blanks between them") from None


@app.command()
def main(
    *,
    providers: Annotated[
        Providers, typer.Option(help="Stand-ins of hosted ones, or the models inside.")
    ] = Providers.HOSTED,
    capacity: Annotated[int | None, typer.Option(help="Calls at once at normal latency.", show_default="found")] = None,
    factors: Annotated[str, typer.Option(help="Offered load, in times of the capacity.")] = "0.5 1 1.5 2 3",
    window: Annotated[float, typer.Option(help="Seconds in which the callers of a step arrive.")] = 60,
    questions: Annotated[int, typer.Option(help="Questions of each caller.")] = 3,
    idle_calls: Annotated[int, typer.Option(help="Lone callers at first, whose figures are the normal ones.")] = 5,
    ramp_limit: Annotated[int, typer.Option(help="The ramp tries no more calls at once.")] = 48,
    ghosts: Annotated[int, typer.Option(help="Calls that are started and ended at once; 0 leaves them out.")] = 100,
    hog_seconds: Annotated[float, typer.Option(help="Seconds beside hogs of the CPU; 0 leaves them out.")] = 300,
    peer: Annotated[bool, typer.Option(help="Measure a plain livekit-agents worker too.")] = True,
    peer_jobs: Annotated[
        int, typer.Option(help="Jobs that it takes, however busy the CPU; 0 for livekit-agents' own limit.")
    ] = 0,
    quick: Annotated[bool, typer.Option("--quick", help="About three minutes; overrides the counts.")] = False,
    report_path: Annotated[
        Path | None, typer.Option("--report", help="Where to write the report, such as docs/LOAD.md.")
    ] = None,
    json: Annotated[Path | None, typer.Option(help="Where to write the figures.")] = None,
) -> None:
    """Offer more than the machine carries. The defaults take about an hour on two cores."""
    console = report.make_console()
    logging.getLogger("livekit").setLevel(logging.CRITICAL)  # its client warns about every ended room
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)))
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # asyncio cancels; all is ended
    now, settings = datetime.now(UTC), Settings()
    options = Options(
        idle_calls, questions, window, _numbers(factors), capacity, ramp_limit, ghosts, (4, 8), hog_seconds
    )
    options = _quick(options) if quick else options
    load = Load(
        shlex.join(["python", "-m", "lab.load", *sys.argv[1:]]), now, providers, options.window, options.questions
    )
    path = json or settings.stack.state_dir / "load" / f"{now:%Y-%m-%dT%H%M%SZ}.json"

    def finished(step: Step) -> None:
        console.print(line(step))
        report.write_json(as_json(load), path)  # a run that is broken off keeps what it has

    speech.warm_up()
    try:
        with console.status("starting") as status, _stack(settings, providers) as stack:
            marked = {MARK: str(stack.state_dir)}  # the stack ends what carries it, whatever happens
            with _plain_worker({**stack.environment, **marked}, peer_jobs if peer else None) as has_peer:
                options = replace(options, hog_environment=marked)
                asyncio.run(
                    _measure(stack, options, load, has_peer=has_peer, progress=status.update, finished=finished)
                )
    except SetupError as error:
        console.print(f"[red]{error}[/]")
        raise typer.Exit(1) from None
    print_load(load, console)
    console.print(f"written to {path}")
    if report_path:
        _write_report(load, report_path)
        console.print(f"written to {report_path}")
    raise typer.Exit(1 if load.wrong else 0)


def _write_report(load: Load, path: Path) -> None:
    from lab.load.picture import draw  # noqa: PLC0415 - heavy

    picture = path.parent / "images" / "load.svg"
    draw(load, picture)
    path.write_text(markdown(load, picture.relative_to(path.parent).as_posix()))


async def _measure(
    stack: LocalStack,
    options: Options,
    load: Load,
    *,
    has_peer: bool,
    progress: Callable[[str], object],
    finished: Callable[[Step], object],
) -> None:
    address = f"http://127.0.0.1:{stack.settings.api.port}"
    async with (
        world_of(stack) as world,
        SessionClient(address, timeout=_PATIENCE_SECONDS, retry_seconds=_PATIENCE_SECONDS) as patient,
    ):
        for question in QUESTIONS:
            await speech.synthesize(question)
        systems: list[System] = [OurSystem(world, patient), *([PlainWorker(world)] if has_peer else [])]
        await Measurement(systems, options, load, progress, finished).run()


@contextmanager
def _stack(settings: Settings, providers: Providers) -> Iterator[LocalStack]:
    with (
        tempfile.TemporaryDirectory(prefix="load-") as folder,
        _providers(settings, providers) as used,
        LocalStack.isolated(Path(folder), used) as stack,
    ):
        yield stack


@contextmanager
def _providers(settings: Settings, providers: Providers) -> Iterator[Settings]:
    if providers is Providers.EMBEDDED:
        yield settings
        return
    (port,) = free_ports(1)
    with child("-m", "lab.hosted_stand_in", str(port)) as process:
        wait_ready(process, f"http://127.0.0.1:{port}/v1/models", "the stand-in of hosted providers")
        yield with_hosted_providers(settings, port)


@contextmanager
def _plain_worker(environment: dict[str, str], peer_jobs: int | None) -> Iterator[bool]:
    if peer_jobs is None:
        yield False
        return
    (port,) = free_ports(1)
    with child("-m", "lab.peers", str(port), str(peer_jobs), environment=environment) as process:
        wait_ready(process, f"http://127.0.0.1:{port}/", "the plain worker")
        yield True


if __name__ == "__main__":
    app()
