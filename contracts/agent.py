"""An agent generation's life: launched, briefed, ready, asked to yield, gone."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field

from contracts.agent_options import AgentOptions
from contracts.limits import RoomTimeouts, SessionLimits
from contracts.message import Message
from contracts.room import Presence
from contracts.turns import Turn

MAX_REPORTS: Final = 100
LIVENESS_PROBE_SECONDS: Final = 0.4
"""A running agent acknowledges an RPC within milliseconds, a busy one within tenths of a second, a frozen one never."""


class LaunchRequest(Message):
    """Input of the `launch_agent` activity: one a generation."""

    session_id: str
    generation: int
    timeouts: RoomTimeouts
    predecessor_may_live: bool = False  # then it is left in the room, for the newcomer to ask
    predecessor_is_silent: bool = False  # to Temporal: probe it through LiveKit, and remove it if it does not answer


class JobMetadata(Message):
    """Handed from the agent host to the job process that it starts; `key` names the job on the host's `socket`."""

    session_id: str
    generation: int
    key: str = Field(repr=False)
    socket: str
    traceparent: str = ""  # the span of the launch as W3C writes it, ids only; empty where nothing is traced


class ClaimRequest(Message):
    """Input of the `claim` update: an agent host has taken this generation's launch, and its job will be `identity`."""

    generation: int
    identity: str
    host: str = ""  # the task queue of this host alone: a later run hands the agent's activity on there


class AdoptRequest(Message):
    """Input of the `adopt_agent` activity: an agent that serves goes on under this activity."""

    session_id: str
    generation: int


class Briefing(Message):
    """Everything that a new agent must know: result of the `claim` update."""

    session_id: str
    generation: int
    user_name: str
    caller_identity: str
    options: AgentOptions
    turns: tuple[Turn, ...] = ()
    heartbeat_timeout_seconds: float
    alone_seconds: float = SessionLimits().agent_alone_seconds
    silence_seconds: float = 0  # 0: never ask whether the caller is still there
    predecessor_lives: bool = False  # it serves as far as is known: a slow answer does not prove it dead


class AgentPulse(Message):
    """Details of the heartbeats of `launch_agent`: who serves, which process of its machine that is, and when."""

    identity: str
    pid: int
    at_ms: int = 0


class AgentReady(Message):
    """This generation alone has the floor now. Reports of older ones are refused from here on.

    `inherited` are turns that its predecessor handed over directly, whether or not they reached the workflow as well.
    """

    generation: int
    identity: str
    at_ms: int
    inherited: tuple[Turn, ...] = Field((), repr=False)


class AgentOutcome(Message):
    """Result of an agent's activity whose job left by itself; `handed_over` to a successor is no failure."""

    generation: int
    cause: str
    handed_over: bool = False
    at_ms: int | None = None  # when it left


class DrainRequest(Message):
    """Signal `drain`: this generation's AgentServer stops. The agent speaks on until a newcomer asks it to yield."""

    generation: int


class ProviderChanged(Message):
    """A provider of speech (`provider/model`) failed, or is back; `next_up` serves next."""

    generation: int
    part: Literal["stt", "llm", "tts"]
    provider: str
    available: bool
    next_up: str | None = None


class AgentReport(Message):
    """One report of an agent: exactly one of these."""

    ready: AgentReady | None = None
    turn: Turn | None = None
    presence: Presence | None = None
    provider: ProviderChanged | None = None


class AgentReports(Message):
    """Signal `agent_reports`: what an agent has to say, in order. Together, since each signal is work for the workflow.

    At most `MAX_REPORTS`. `number` counts the batches of a generation from 1: one whose answer was lost is sent again.
    """

    reports: tuple[AgentReport, ...]
    generation: int = 0
    number: int = 0


class YieldRequest(Message):
    """LiveKit RPC `yield`, then `hand_over`: a newcomer that knows the older generation's turns up to this sequence."""

    generation: int
    known_sequence: int = 0


class Handover(Message):
    """Answer to `hand_over`: turns that the newcomer may not know. The older generation is mute now."""

    turns: tuple[Turn, ...] = Field((), repr=False)
