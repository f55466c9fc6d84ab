"""Lists running sessions from Temporal itself, for the audit of slots."""

from __future__ import annotations

import asyncio

from temporalio import activity
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.interface import SlotActivities
from contracts.search_attributes import OWNER, RUNNING
from contracts.slots import Holder, RunningRequest, RunningSessions

_AT_ONCE = 20


class SessionListing(SlotActivities):
    """Asks the visibility store, and the workflows themselves where that says nothing: it lags behind."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._asking = asyncio.Semaphore(_AT_ONCE)

    @activity.defn(name="running_sessions")
    async def running_sessions(self, request: RunningRequest) -> RunningSessions:
        """See the interface."""
        listed = [
            Holder(session_id=found.id, owner=found.typed_search_attributes.get(OWNER) or "")
            async for found in self._client.list_workflows(RUNNING)
        ]
        unlisted = set(request.known) - {holder.session_id for holder in listed}
        runs = await asyncio.gather(*(self._runs(session_id) for session_id in unlisted))
        found = [Holder(session_id=session_id) for session_id, is_so in zip(unlisted, runs, strict=True) if is_so]
        return RunningSessions(sessions=(*listed, *found))

    async def _runs(self, session_id: str) -> bool:
        async with self._asking:
            try:
                described = await self._client.get_workflow_handle(session_id).describe()
            except RPCError as error:
                if error.status is not RPCStatusCode.NOT_FOUND:
                    raise
                return False
        return described.status is WorkflowExecutionStatus.RUNNING
