"""Finds an AgentServer's pool of job processes, which is private to livekit-agents."""

from __future__ import annotations

from livekit.agents import AgentServer
from livekit.agents.ipc.proc_pool import ProcPool


def pool_of(server: AgentServer) -> ProcPool | None:
    """The pool of a running server; None before it runs, and in a livekit-agents that keeps it elsewhere."""
    pool: ProcPool | None = getattr(server, "_proc_pool", None)
    return pool
