"""Counts the caller's live sessions by state, and the free places of the whole system."""

from __future__ import annotations

import asyncio
import math

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from api.gateway.session_counts import SessionCounts, live_by_state
from settings import Settings

_AGENTS_ANSWER_SECONDS = 0.8


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class LiveSessions(_Answer):
    """Your live sessions."""

    starting: int = Field(examples=[0])
    waiting: int = Field(examples=[1])
    active: int = Field(examples=[3])
    reconnecting: int = Field(examples=[0])
    ending: int = Field(examples=[0])


class AgentServer(_Answer):
    """The state of one agent server."""

    activeJobs: int = Field(description="Number of sessions that it serves.", examples=[4])
    load: float = Field(description="Its share of AGENT_MAX_JOBS that is taken, 0 to 1.", examples=[0.2])


class StatsResponse(_Answer):
    """Live sessions and free places."""

    sessions: LiveSessions
    running: int = Field(description="Live sessions of all callers.", examples=[4])
    maxSessions: int | None = Field(description="Maximum number of live sessions; null for no limit.", examples=[100])
    sessionsLeft: int | None = Field(description="Free places; null for no limit.", examples=[96])
    queued: int = Field(
        description="Agents that wait for an agent host; one whose session has ended counts until a host asks next.",
        examples=[2],
    )
    oldestQueuedSeconds: float = Field(description="How long the first of them has waited; 0 for none.", examples=[3.4])
    workers: int = Field(description="Workers that poll for sessions.", examples=[1])
    agentServer: AgentServer | None = Field(
        description="The one at AGENT_HEALTH_URL; null where that is not set, and when it does not answer."
    )


class _WorkerInfo(BaseModel):
    """An AgentServer's answer at `/worker`. Protobuf's JSON omits zeros."""

    active_jobs: int = 0
    worker_load: float = 0.0


class Stats:
    """Collects counts from Temporal and the agent server."""

    def __init__(self, counts: SessionCounts, settings: Settings) -> None:
        self._counts = counts
        self._limit = settings.api.max_sessions or None
        self._agents_url = settings.agent.health_url

    async def collect(self, owner: str | None) -> StatsResponse:
        """Counts of now; `sessions` are those of `owner`, or of all. Raises `TemporalUnavailable`."""
        running, workers, queue, agents, by_state = await asyncio.gather(
            self._counts.running(),
            self._counts.workers(),
            self._counts.queued(),
            self._agent_server(),
            live_by_state(self._counts, owner),
        )
        return StatsResponse(
            sessions=LiveSessions(**by_state),
            running=running,
            maxSessions=self._limit,
            sessionsLeft=None if self._limit is None else max(0, self._limit - running),
            queued=queue.count,
            oldestQueuedSeconds=round(queue.oldest_seconds, 1),
            workers=workers,
            agentServer=agents,
        )

    async def _agent_server(self) -> AgentServer | None:
        if not self._agents_url:
            return None
        try:
            async with httpx.AsyncClient(timeout=_AGENTS_ANSWER_SECONDS) as http:
                answer = await http.get(httpx.URL(self._agents_url).join("/worker"))
                info = _WorkerInfo.model_validate_json(answer.raise_for_status().content)
        except (httpx.HTTPError, httpx.InvalidURL, ValidationError):
            return None
        load = info.worker_load if math.isfinite(info.worker_load) else 1.0
        return AgentServer(activeJobs=info.active_jobs, load=round(load, 3))
