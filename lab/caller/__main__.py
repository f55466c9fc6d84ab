"""`python -m lab.caller "What is the capital of France?"`: a whole call, told on the terminal."""

from __future__ import annotations

import argparse
import asyncio
import sys
from time import monotonic

import httpx
from rich.console import Console

from lab.caller import speech
from lab.caller.caller import Caller, Heard
from lab.caller.microphone import Spoken
from lab.caller.rest import SessionClient
from settings import ApiSettings

_QUESTIONS = ["What is the capital of France?", "What is it famous for?"]


def main() -> int:
    """Exit 0 after a whole call, 1 with one line on what went wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m lab.caller", description="Call the voice assistant and talk to it."
    )
    parser.add_argument("questions", nargs="*", default=_QUESTIONS, help="what to say, one after the other")
    api = f"http://localhost:{ApiSettings().port}"
    parser.add_argument("--api", default=api, help="base URL of the REST API (%(default)s)")
    parser.add_argument("--name", default="caller", help="the userName of the session (%(default)s)")
    parser.add_argument("--voice", default="Ashley", help="the agent's voice (%(default)s)")
    parser.add_argument("--timeout", type=float, default=30, help="seconds to wait for each answer (%(default)s)")
    options = parser.parse_args()
    console = Console(highlight=False)
    try:
        asyncio.run(_call(options, console))
    except httpx.HTTPStatusError as error:
        console.print(f"[red]{error}[/]")
    except httpx.TransportError as error:
        console.print(f"[red]No API at {options.api}[/] ({type(error).__name__}). Is `make up` running?")
    except TimeoutError:
        console.print(f"[red]The agent was silent for {options.timeout:g} s.[/] Its log says why: .state/logs")
    else:
        return 0
    return 1


async def _call(options: argparse.Namespace, console: Console) -> None:
    await asyncio.to_thread(speech.warm_up)
    async with SessionClient(options.api) as api:
        asked_at = monotonic()
        started = await api.start(options.name, voiceId=options.voice)
        answered_at = monotonic()
        console.print(f"[bold]{started.session_id}[/] started in {(answered_at - asked_at) * 1000:.0f} ms")
        try:
            async with Caller(started.server_url, started.token) as caller:
                _print_heard(console, asked_at, await caller.hear(options.timeout), asked_at)
                for question in options.questions:
                    caller.forget_unheard()
                    spoken = await caller.say(question)
                    _print_spoken(console, asked_at, spoken)
                    _print_heard(console, asked_at, await caller.hear(options.timeout), spoken.last_sound_at)
        finally:
            bill = await api.end(started.session_id)
            seconds, minutes = bill["durationSeconds"], bill["durationMinutes"]
            console.print(f"[bold]ended[/]   {seconds} s of conversation, billed as {minutes} min", end="")
            console.print(f" [red]{bill['errors']}[/]" if bill["errors"] else "")


def _print_spoken(console: Console, origin: float, spoken: Spoken) -> None:
    console.print(f"{spoken.first_sound_at - origin:6.1f} s  [cyan]caller[/]  {spoken.text}")


def _print_heard(console: Console, origin: float, heard: Heard, since: float) -> None:
    delay = f"[dim](after {heard.first_sound_at - since:.2f} s)[/]"
    console.print(f"{heard.first_sound_at - origin:6.1f} s  [green]agent[/]   {heard.text} {delay}")


if __name__ == "__main__":
    sys.exit(main())
