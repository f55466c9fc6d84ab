"""The ticket that a session begins with, and the next one when half of its life is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from activities.interface import TICKET_FAILED
    from contracts import TOKEN_TTL_SECONDS, SessionRequest, Ticket, ValidTicketRequest
    from workflows import calls
    from workflows.clock import now
    from workflows.notes import Notes

KEY_TAKEN: Final = "KeyTaken"
"""Type of the refusal of a start under a key that another request was made with."""
SESSION_ENDING: Final = "SessionEnding"
"""Type of the refusal of a ticket that would open nothing any more."""


class Tickets:
    """One at a time, however often it is asked for: the session's history does not grow with its callers' curiosity."""

    def __init__(self, session: SessionRequest, notes: Notes, *, is_ending: Callable[[], bool]) -> None:
        self._session = session
        self._notes = notes
        self._is_ending = is_ending
        self._renewing = asyncio.Lock()
        self.error: str | None = None

    def check(self, request: ValidTicketRequest) -> None:
        """Refuse with type `KeyTaken` or `SessionEnding`; a refused update leaves no trace in the history."""
        if request.fingerprint and request.fingerprint != self._session.fingerprint:
            raise ApplicationError("the session was started by another request", type=KEY_TAKEN)
        self._refuse_at_the_end()

    async def first(self) -> Ticket:
        """What the session began with, as soon as it is there. Fails with type `TicketFailed`."""
        await workflow.wait_condition(lambda: self._notes.ticket is not None or self._is_ending())
        if self._notes.ticket is None:
            raise ApplicationError(self.error or "the session ended before it began", type=TICKET_FAILED)
        return self._notes.ticket

    async def valid(self) -> Ticket:
        """One that will open the room for another half of its life. Fails with type `TicketFailed`, `SessionEnding`.

        Who asks again is about to come: the waits for the caller begin anew.
        """
        is_repeated = self._notes.ticket is not None
        await self.first()
        async with self._renewing:
            if now() - self._notes.ticket_at > TOKEN_TTL_SECONDS / 2:
                await self._renew()
        self._refuse_at_the_end()
        if is_repeated:
            self._notes.looked_at = now()
        return await self.first()

    async def _renew(self) -> None:
        try:
            self._notes.take(await calls.renew_ticket(self._session), now())
        except FailureError as error:
            if now() - self._notes.ticket_at >= TOKEN_TTL_SECONDS:
                raise ApplicationError(calls.cause(error), type=TICKET_FAILED) from error

    def _refuse_at_the_end(self) -> None:
        if self._is_ending():
            raise ApplicationError("the session is ending", type=SESSION_ENDING)
