"""Limits the number of live sessions, of all callers and of each owner of API keys.

A workflow has the slots (`workflows/slots/session_slots.py`), so that the limits hold over all API processes. Temporal
allows it ten updates at once: starts that wait while one is under way share the next.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import islice
from typing import Final

from temporalio.client import WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from connections.temporal_client import LazyClient
from contracts.slots import Holder, Refusal, SlotsRequest, SlotsTaken, TakeSlots, slots_id
from errors import NoPlace
from settings import Settings
from workflows.slots.session_slots import SessionSlots

_MOST_TOGETHER: Final = 500
_LATE_START_SECONDS: Final = 20.0
"""A start that was given up may still arrive in Temporal, or be on its way to being withdrawn."""

_Answer = Refusal | Exception | None


class SessionLimit:
    """Slots for new sessions. Without a limit it does nothing."""

    def __init__(self, client: LazyClient, settings: Settings) -> None:
        self._client = client
        self._temporal = settings.temporal
        self._api = settings.api
        self._waiting: dict[Holder, asyncio.Future[_Answer]] = {}
        self._asking: asyncio.Task[None] | None = None

    @property
    def slots(self) -> str:
        """The id of the workflow that has the slots; empty without a limit."""
        is_limited = self._api.max_sessions or self._api.max_sessions_per_owner
        return slots_id(self._temporal.task_queue) if is_limited else ""

    async def take(self, session_id: str, owner: str) -> None:
        """Take a slot, which the session's workflow releases. A session that has one keeps it.

        Raises `NoPlace`, and the SDK's errors. The slot of a session that never starts is free again after a while.
        """
        if not self.slots:
            return
        holder = Holder(session_id=session_id, owner=owner)
        answer = self._waiting.setdefault(holder, asyncio.get_running_loop().create_future())
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask())
        given = await asyncio.shield(answer)  # equal starts share it
        if isinstance(given, Exception):
            raise given
        if given is Refusal.SESSIONS:
            raise NoPlace(f"All {self._api.max_sessions} places for sessions are taken; ask again later.")
        if given is Refusal.OWNER:
            most = self._api.max_sessions_per_owner
            raise NoPlace(f"All {most} places for your sessions are taken; end one, or ask again later.")

    async def _ask(self) -> None:
        while self._waiting:
            asked = dict(islice(self._waiting.items(), _MOST_TOGETHER))
            self._waiting = {holder: each for holder, each in self._waiting.items() if holder not in asked}
            try:
                refused = (await self._update(tuple(asked))).refused
            except Exception as error:
                for answer in asked.values():
                    answer.set_result(error)
            else:
                for holder, answer in asked.items():
                    answer.set_result(refused.get(holder.session_id))

    async def _update(self, wanted: tuple[Holder, ...]) -> SlotsTaken:
        client, seconds = await self._client.get(), self._api.start_timeout_seconds
        request = TakeSlots(
            wanted=wanted,
            max_sessions=self._api.max_sessions,
            max_sessions_per_owner=self._api.max_sessions_per_owner,
            start_seconds=seconds + _LATE_START_SECONDS,
        )
        async with asyncio.timeout(seconds):
            return await client.execute_update_with_start_workflow(
                SessionSlots.take,
                request,
                start_workflow_operation=WithStartWorkflowOperation(
                    SessionSlots.run,
                    SlotsRequest(),
                    id=self.slots,
                    task_queue=self._temporal.task_queue,
                    id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    static_summary="Slots of live sessions",
                ),
                rpc_timeout=timedelta(seconds=seconds),
            )
