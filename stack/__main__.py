"""`python -m stack up | down | fetch`, behind `make up`, `make down` and `make setup`."""

from __future__ import annotations

import signal
import sys
import time
from types import FrameType

import typer

from errors import SetupError
from settings import Settings
from stack.local_stack import LocalStack
from stack.processes.merged_log import MergedLog
from stack.progress import report
from stack.servers.find import resolve_servers
from stack.servers.time_skipping import resolve_temporal_test_server
from stack.state_lock import stop_running

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_LOG_PAUSE_SECONDS = 0.2

app = typer.Typer(help="The local stack.", add_completion=False, pretty_exceptions_enable=False)


@app.command()
def up() -> None:
    """Start everything, print the links and follow the logs until interrupted; then stop everything."""
    began = time.monotonic()
    stack = LocalStack(Settings())
    report(f"Starting the local stack; its state is in {stack.state_dir}")
    with stack:
        report(f"Everything is ready after {time.monotonic() - began:.0f} s.\n\n{_links(stack.settings)}\n")
        try:
            _follow(stack)
        except KeyboardInterrupt:
            report("\nStopping")
    report("Stopped; no process is left.")


@app.command()
def down() -> None:
    """Stop the stack of this state folder from another terminal."""
    report(stop_running(Settings().stack.state_dir))


@app.command()
def fetch() -> None:
    """Download or build the servers of the stack and of the tests."""
    settings = Settings().stack
    servers = resolve_servers(settings)
    report(f"Temporal: {servers.temporal}\nLiveKit: {servers.livekit}")
    report(f"Temporal's test server: {resolve_temporal_test_server(settings)}")


def _follow(stack: LocalStack) -> None:
    log = MergedLog(
        {name: stack.log_path(name) for name in (*stack.names, "supervisord")}, coloured=sys.stdout.isatty()
    )
    while stack.alive:
        for line in log.new_lines():
            report(line)
        time.sleep(_LOG_PAUSE_SECONDS)
    raise SetupError(f"the supervisor has exited; see {stack.log_path('supervisord')}")


def _links(settings: Settings) -> str:
    api = f"http://localhost:{settings.api.port}"
    page = f"  Talk to it    {api}/playground\n" if settings.playground.enabled else ""
    return (
        f"{page}  API docs      {api}/docs\n"
        f"  Temporal UI   http://localhost:{settings.stack.temporal_ui_port}\n"
        "  Start a session:\n"
        f"    curl -X POST {api}/api/session/start -H 'Content-Type: application/json' "
        """-d '{"userName": "john_doe"}'\n"""
        "  Ctrl-C stops everything, and so does `make down` elsewhere."
    )


def _interrupt(_: int, __: FrameType | None) -> None:
    """The first signal interrupts the command; later ones are ignored, so that they cannot disturb its cleanup."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def main() -> None:
    """Run one command. Exits with 1 for a SetupError, with 130 when interrupted before the stack was up."""
    for number in _SIGNALS:
        signal.signal(number, _interrupt)
    try:
        app()
    except SetupError as error:
        sys.exit(f"\n{error}")


if __name__ == "__main__":
    main()
