"""`python -m lab.caller "What do bees make?"`: holds a whole call and prints it."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Annotated

import httpx
import typer
from rich.console import Console

from lab import report
from lab.caller import speech
from lab.caller.caller import Caller, Heard
from lab.caller.microphone import Spoken
from lab.rest_client import SessionClient
from settings import ApiSettings

_QUESTIONS = ["How many legs does a spider have?", "What is the opposite of hot?", "What do bees make?"]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    questions: Annotated[list[str] | None, typer.Argument(help="What to say, one after the other.")] = None,
    api: Annotated[str, typer.Option(help="Base URL of the REST API.")] = f"http://localhost:{ApiSettings().port}",
    name: Annotated[str, typer.Option(help="The userName of the session.")] = "caller",
    voice: Annotated[str, typer.Option(help="The agent's voice.")] = "Ashley",
    timeout: Annotated[float, typer.Option(help="Seconds to wait for each answer.")] = 30,
) -> None:
    """Call the voice assistant and talk to it. Exits with 1 when the call fails."""
    console = report.make_console()
    try:
        asyncio.run(_call(SessionClient(api), (name, voice), questions or _QUESTIONS, timeout, console))
    except httpx.HTTPStatusError as error:
        console.print(f"[red]{error}[/]")
    except httpx.TransportError as error:
        console.print(f"[red]No API at {api}[/] ({type(error).__name__}). Is `make up` running?")
    except TimeoutError:
        console.print(f"[red]The agent was silent for {timeout:g} s.[/] See its log in .state/logs.")
    else:
        return
    raise typer.Exit(1)


async def _call(
    client: SessionClient, session: tuple[str, str], questions: list[str], patience: float, console: Console
) -> None:
    await asyncio.to_thread(speech.warm_up)
    async with client as api:
        asked_at = monotonic()
        started = await api.start(session[0], voiceId=session[1])
        answered_at = monotonic()
        console.print(f"[bold]{started.session_id}[/] started in {(answered_at - asked_at) * 1000:.0f} ms")
        try:
            async with Caller(started.server_url, started.token) as caller:
                _print_answer(console, asked_at, await caller.hear(patience), asked_at)
                for question in questions:
                    caller.forget_unheard()
                    spoken = await caller.say(question)
                    _print_spoken(console, asked_at, spoken)
                    heard = await caller.hear(patience)
                    # An agent that was launched amid the conversation may still be answering the question before.
                    while heard.first_sound_at < spoken.last_sound_at:
                        _print_heard(console, asked_at, heard, "interrupted by the question")
                        heard = await caller.hear(patience)
                    _print_answer(console, asked_at, heard, spoken.last_sound_at)
        finally:
            bill = await api.end(started.session_id)
            seconds, minutes = bill["durationSeconds"], bill["durationMinutes"]
            console.print(f"[bold]ended[/]   {seconds} s of conversation, billed as {minutes} min", end="")
            console.print(f" [red]{bill['errors']}[/]" if bill["errors"] else "")


def _print_spoken(console: Console, origin: float, spoken: Spoken) -> None:
    console.print(f"{spoken.first_sound_at - origin:6.1f} s  [cyan]caller[/]  {spoken.text}")


def _print_answer(console: Console, origin: float, heard: Heard, since: float) -> None:
    _print_heard(console, origin, heard, f"after {heard.first_sound_at - since:.2f} s")


def _print_heard(console: Console, origin: float, heard: Heard, remark: str) -> None:
    console.print(f"{heard.first_sound_at - origin:6.1f} s  [green]agent[/]   {heard.text} [dim]({remark})[/]")


if __name__ == "__main__":
    app()
