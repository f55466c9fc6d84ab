"""The commands of operators."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from console import tables
from console.client import ApiClient
from contracts.statuses import EndReason, SessionStatus
from errors import ConsoleError
from settings import Settings

app = typer.Typer(
    help="Sessions, from a terminal. Set CONSOLE_API_URL for another API, CONSOLE_API_KEY if it needs a key.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a local variable may be a key
)
out = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
err = Console(stderr=True, highlight=False)

SessionId = Annotated[str, typer.Argument(help="session_<unix seconds>_<random>", metavar="SESSION")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the API's JSON, for scripts.")]


_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _since(text: str) -> datetime:
    """A span before now, such as 90s, 15m, 2h or 7d."""
    match = re.fullmatch(r"([0-9]{1,6})([smhd])", text)
    if match is None:
        raise typer.BadParameter("a number and s, m, h or d, such as 15m")
    try:
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise typer.BadParameter("that is before the calendar begins; use a shorter span") from None


@app.command("list")
def list_sessions(
    *,
    state: Annotated[SessionStatus | None, typer.Option(help="Only those in this state.")] = None,
    user: Annotated[str | None, typer.Option(help="Only those of this userName.")] = None,
    end_reason: Annotated[EndReason | None, typer.Option(help="Only those that ended for this reason.")] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Only those started in the last 15m, 2h, 7d …", parser=_since)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Sessions: running ones first, then the last ended."""
    after = since.isoformat() if since else None
    filters = {"state": state, "user": user, "endReason": end_reason, "startedAfter": after}
    with _api() as api:
        found = api.sessions(limit, {name: value for name, value in filters.items() if value is not None})
    if as_json:
        _print_json(found)
    elif found:
        out.print(tables.sessions_table(found))
    else:
        err.print("No session.")


@app.command()
def show(session: SessionId, as_json: AsJson = False) -> None:
    """One session: its status and its transcript."""
    with _api() as api:
        facts, turns = api.session(session), api.transcript(session)
    if as_json:
        _print_json({**facts, "turns": turns})
        return
    out.print(tables.facts_table(facts))
    if turns:
        out.print()
    for turn in turns:
        out.print(tables.turn_line(turn))


@app.command()
def watch(session: SessionId, as_json: AsJson = False) -> None:
    """All events of a session, past and new, until it ends."""
    with _api() as api:
        for event in api.events(session, lambda reason: err.print(Text(f"{reason}; reconnecting", "dim"))):
            if as_json:
                out.out(json.dumps(event))
            else:
                out.print(tables.event_line(event))


@app.command()
def end(session: SessionId) -> None:
    """End a session; prints its bill."""
    with _api() as api:
        out.print(tables.facts_table(api.end(session)))


@app.command()
def kill(session: SessionId) -> None:
    """Kill the agent process of a session, to see another take over. Local stack only."""
    with _api() as api:
        api.kill_agent(session)
    out.print("Killed. Watch the takeover with: python -m console watch " + session)


def main() -> None:
    """Run a command. On an error, print one line that says what to do, and exit with 1."""
    try:
        app()
    except ConsoleError as error:
        err.print(Text(str(error), "red"))
        raise SystemExit(1) from error
    except KeyboardInterrupt:
        raise SystemExit(130) from None


def _api() -> ApiClient:
    settings = Settings().console
    return ApiClient(settings.api_url, settings.api_key.get_secret_value())


def _print_json(value: Any) -> None:
    out.print_json(data=value)
