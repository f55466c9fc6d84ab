"""A job's end of the link to its host: it ticks from a thread, and mutes itself while in doubt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.job_link import host_link
from agent.job_link.host_link import HostLink, SupersededError
from agent.job_link.messages import (
    FROM_JOB,
    LONGEST_LINE,
    Briefed,
    Confirmed,
    FromJob,
    Hello,
    Leave,
    Left,
    Reported,
    Tick,
    line_of,
)
from contracts.agent import JobMetadata
from contracts.message import Message
from contracts.turns import Turn
from tests.fakes.briefings import briefing


class Host:
    """The other end."""

    def __init__(self, socket: Path) -> None:
        self.metadata = JobMetadata(session_id="session_1", generation=1, key="job_1", socket=str(socket))
        self.connected = asyncio.Event()
        self.in_room = True

    async def on_link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.connected.set()

    async def job(self) -> HostLink:
        link = await HostLink.open(self.metadata, in_room=lambda: self.in_room)
        await self.connected.wait()
        return link

    async def hear(self, kind: type[Message]) -> FromJob:
        async with asyncio.timeout(5):
            while True:
                message = FROM_JOB.validate_json(await self.reader.readline())
                if isinstance(message, kind):
                    return message

    def say(self, message: Message) -> None:
        self.writer.write(line_of(message))


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    made = Host(tmp_path / "host.sock")
    async with await asyncio.start_unix_server(made.on_link, made.metadata.socket, limit=LONGEST_LINE):
        yield made
        made.writer.close()


@pytest.fixture
async def link(host: Host) -> AsyncIterator[HostLink]:
    made = await host.job()
    yield made
    await made.leave("the test is over", handed_over=False)


class Voice:
    """Records mute and unmute."""

    def __init__(self) -> None:
        self.muted: list[bool] = []
        self.changed = asyncio.Event()

    def __call__(self, *, muted: bool) -> None:
        self.muted.append(muted)
        self.changed.set()

    async def change(self) -> list[bool]:
        await asyncio.wait_for(self.changed.wait(), 5)
        self.changed.clear()
        return self.muted


async def test_a_job_says_which_it_is_and_is_briefed(host: Host, link: HostLink) -> None:
    hello = await host.hear(Hello)
    assert isinstance(hello, Hello)
    assert hello.key == "job_1"
    host.say(Briefed(briefing=briefing(opening_line="x" * 500_000)))
    assert len((await link.briefing()).options.opening_line) == 500_000


async def test_a_refusal_before_the_briefing_raises(host: Host, link: HostLink) -> None:
    host.say(Leave(reason="another generation serves"))
    with pytest.raises(SupersededError, match="another generation serves"):
        await link.briefing()


async def test_a_busy_event_loop_still_ticks_and_says_how_late_it_is(
    host: Host, link: HostLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_link, "TICK_SECONDS", 0.05)
    await host.hear(Tick)
    await asyncio.sleep(0)
    time.sleep(0.8)  # noqa: ASYNC251  what a blocking call does to the event loop
    late = 0.0
    while late < 0.3:
        tick = await host.hear(Tick)
        assert isinstance(tick, Tick)
        late = max(late, tick.loop_late_seconds)


async def test_a_process_that_stood_still_is_muted_until_it_is_confirmed(host: Host, link: HostLink) -> None:
    voice = Voice()
    link.mute_when_in_doubt(voice, 0.4)
    await asyncio.sleep(0)
    time.sleep(0.8)  # noqa: ASYNC251  what SIGSTOP does to the event loop
    assert await voice.change() == [True]
    tick = await host.hear(Tick)
    while isinstance(tick, Tick) and not tick.muted:
        tick = await host.hear(Tick)
    host.say(Confirmed())
    assert await voice.change() == [True, False]


async def test_an_agent_outside_its_room_asks_to_be_confirmed_once_it_is_back(host: Host, link: HostLink) -> None:
    voice = Voice()
    host.in_room = False
    link.mute_when_in_doubt(voice, 60)
    link.wake()
    assert await voice.change() == [True]
    host.say(Confirmed())
    host.in_room = True
    link.wake()
    tick = await host.hear(Tick)
    while isinstance(tick, Tick) and not (tick.muted and tick.in_room):
        tick = await host.hear(Tick)
    assert voice.muted == [True], "what was confirmed before it came back says nothing"
    host.say(Confirmed())
    assert await voice.change() == [True, False]


async def test_the_last_reports_come_before_the_departure(host: Host) -> None:
    link = await host.job()
    said = Turn(generation=1, sequence=1, role="agent", text="Goodbye.", at_ms=1)
    link.turn(said)
    await link.leave("handed over", handed_over=True)
    reported, left = await host.hear(Reported), await host.hear(Left)
    assert isinstance(reported, Reported)
    assert reported.report.turn == said
    assert isinstance(left, Left)
    assert (left.reason, left.handed_over) == ("handed over", True)


async def test_a_transcript_that_does_not_come_is_none(link: HostLink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_link, "_TRANSCRIPT_SECONDS", 0.05)
    assert await link.transcript() is None


async def test_a_host_that_is_gone_ends_no_conversation(host: Host, link: HostLink) -> None:
    """livekit-agents ends the process with its parent."""
    host.writer.close()
    link.turn(Turn(generation=1, sequence=1, role="agent", text="Hello.", at_ms=1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(link.wait_for_leave(), 0.1)
