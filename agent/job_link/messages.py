"""Messages between an agent host and the job process of one generation: JSON, one a line, over a local socket."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, TypeAdapter

from contracts.agent import AgentReport, Briefing
from contracts.message import Message
from contracts.turns import Turn

LONGEST_LINE: Final = 1 << 24
"""Bytes. A briefing holds the whole transcript."""
TICK_SECONDS: Final = 0.5


# From the job.


class Hello(Message):
    """The first line: the key with which the host started this job, and its process id."""

    kind: Literal["hello"] = "hello"
    key: str
    pid: int


class Joined(Message):
    """The agent has joined its room."""

    kind: Literal["joined"] = "joined"


class Reported(Message):
    """A report for the workflow."""

    kind: Literal["reported"] = "reported"
    report: AgentReport


class Tick(Message):
    """The process runs. `loop_late_seconds`: its event loop has not for so long. `muted`: it needs a `Confirmed`."""

    kind: Literal["tick"] = "tick"
    loop_late_seconds: float = 0
    in_room: bool = True
    muted: bool = False


class TranscriptWanted(Message):
    """Ask for everything that the workflow knows to have been said."""

    kind: Literal["transcript_wanted"] = "transcript_wanted"


class Left(Message):
    """The last line: the agent leaves by itself."""

    kind: Literal["left"] = "left"
    reason: str
    handed_over: bool


FromJob = Annotated[Hello | Joined | Reported | Tick | TranscriptWanted | Left, Field(discriminator="kind")]
FROM_JOB: Final[TypeAdapter[FromJob]] = TypeAdapter(FromJob)


# From the host.


class Briefed(Message):
    """The workflow has accepted this generation."""

    kind: Literal["briefed"] = "briefed"
    briefing: Briefing


class Confirmed(Message):
    """This generation still serves, as Temporal says: a muted agent may be heard again."""

    kind: Literal["confirmed"] = "confirmed"


class Transcript(Message):
    """The transcript; None if the workflow did not answer."""

    kind: Literal["transcript"] = "transcript"
    turns: tuple[Turn, ...] | None = Field(repr=False)


class Leave(Message):
    """The agent must leave; before it was briefed, it was refused."""

    kind: Literal["leave"] = "leave"
    reason: str


FromHost = Annotated[Briefed | Confirmed | Transcript | Leave, Field(discriminator="kind")]
FROM_HOST: Final[TypeAdapter[FromHost]] = TypeAdapter(FromHost)


def line_of(message: Message) -> bytes:
    """Serialize one message."""
    return message.model_dump_json().encode() + b"\n"
