"""The peer's workflow: the minimum for a session. It imports only Temporal, because the sandbox reloads it each run."""

from __future__ import annotations

from temporalio import workflow


@workflow.defn
class Bare:
    """Answers an update, waits for a signal, ends."""

    def __init__(self) -> None:
        self._ended = False

    @workflow.run
    async def run(self) -> str:
        await workflow.wait_condition(lambda: self._ended)
        return "ended"

    @workflow.update
    def join_token(self) -> str:
        return "join_token"

    @workflow.signal
    def end(self) -> None:
        self._ended = True
