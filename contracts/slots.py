"""Slots of live sessions, where their number is limited: messages of the `SessionSlots` workflow."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from contracts.message import Message

MOST_SLOTS: Final = 10_000
"""All slots are the input of the workflow's next run, which may have 2 MB."""


def slots_id(task_queue: str) -> str:
    """The id of the workflow that has the slots of all sessions on this task queue."""
    return f"session-slots_{task_queue}"


class SlotsRequest(Message):
    """Input of the `SessionSlots` workflow."""

    state: dict[str, Any] | None = Field(None, repr=False)  # the `Slots` of the run that this one continues


class Holder(Message):
    """A session that has a slot or wants one. `owner` is empty where no API key is needed."""

    session_id: str
    owner: str = ""


class TakeSlots(Message):
    """Update `take`: slots for sessions that are about to start. A session that has one keeps it.

    The limits are those of the API that asks; 0 is none. `start_seconds` is how long a start may be under way.
    """

    wanted: tuple[Holder, ...]
    max_sessions: int = 0
    max_sessions_per_owner: int = 0
    start_seconds: float


class Refusal(StrEnum):
    """The limit that is reached."""

    SESSIONS = "sessions"
    OWNER = "owner"


class SlotsTaken(Message):
    """Result of `take`: the sessions that got no slot. All others have one."""

    refused: dict[str, Refusal] = Field(default_factory=dict)


class ReleaseSlot(Message):
    """Signal `release`: this session has ended."""

    session_id: str


class RunningRequest(Message):
    """Input of the `running_sessions` activity: sessions that must be found if they run."""

    known: tuple[str, ...] = ()


class RunningSessions(Message):
    """Result of `running_sessions`."""

    sessions: tuple[Holder, ...] = ()
