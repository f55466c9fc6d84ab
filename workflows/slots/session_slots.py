"""Gives slots to sessions, so that no more of them live than may, whichever API starts them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError

with workflow.unsafe.imports_passed_through():
    from activities.interface import SlotActivities
    from contracts.slots import Holder, ReleaseSlot, RunningRequest, SlotsRequest, SlotsTaken, TakeSlots
    from workflows.session.clock import now
    from workflows.slots.slots import Slots

_AUDIT_SECONDS = 600.0
_PAUSE_SECONDS = 5.0
"""Between two audits while starts are refused."""
_IDLE_SECONDS = 3600.0
_ATTEMPT = timedelta(seconds=20)


@workflow.defn(name="SessionSlots")
class SessionSlots:
    """One for all sessions of a task queue. It begins with the sessions that run, and ends after an hour without any.

    A session releases its slot. An audit frees what is left of those that could not: terminated, or never started.
    """

    @workflow.init
    def __init__(self, request: SlotsRequest) -> None:
        # Updates and signals may be handled before run() begins.
        self._slots = Slots.model_validate(request.state or {})
        self._is_complete = request.state is not None
        self._is_short = False

    @workflow.run
    async def run(self, request: SlotsRequest) -> None:
        """Audit when a start was refused, and at long intervals."""
        if not self._is_complete:
            self._slots.adopt(await _running((), attempts=0))
            self._is_complete = True
        while not _is_long():
            await _until(lambda: bool(self._slots.taken), _IDLE_SECONDS)
            if not self._slots.taken and not _is_long() and workflow.all_handlers_finished():
                return
            await _until(lambda: self._is_short, _AUDIT_SECONDS)
            if self._slots.taken and not _is_long():
                await self._audit()
                await _until(lambda: False, _PAUSE_SECONDS)
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(SlotsRequest(state=self._slots.model_dump(mode="json")))

    async def _audit(self) -> None:
        self._is_short, asked_at = False, now()
        try:
            running = await _running(self._slots.doubtful(asked_at), attempts=2)
        except ActivityError:
            return  # the next audit asks again
        freed = self._slots.free({holder.session_id for holder in running}, asked_at)
        if freed:
            workflow.logger.warning("%d slots of sessions that did not release them are free again", freed)

    @workflow.update
    async def take(self, request: TakeSlots) -> SlotsTaken:
        """Slots for sessions that are about to start. It may be asked again."""
        await workflow.wait_condition(lambda: self._is_complete)
        refused = self._slots.take(request, now())
        self._is_short = self._is_short or bool(refused)
        return SlotsTaken(refused=refused)

    @workflow.signal
    def release(self, request: ReleaseSlot) -> None:
        """A session has ended."""
        self._slots.release(request.session_id)


def _is_long() -> bool:
    """Temporal suggests it by events, and before a run has had its 2,000 updates."""
    return workflow.info().is_continue_as_new_suggested()


async def _until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until it is true, or for so long, or until the history is long."""
    with suppress(TimeoutError):
        await workflow.wait_condition(lambda: condition() or _is_long(), timeout=seconds)


async def _running(known: tuple[str, ...], *, attempts: int) -> tuple[Holder, ...]:
    """Running sessions, among them all of `known` that run. 0 attempts: until it is answered."""
    answer = await workflow.execute_activity_method(
        SlotActivities.running_sessions,
        RunningRequest(known=known),
        start_to_close_timeout=_ATTEMPT,
        retry_policy=RetryPolicy(maximum_attempts=attempts, maximum_interval=timedelta(seconds=5)),
        summary="which sessions run?",
    )
    return answer.sessions
