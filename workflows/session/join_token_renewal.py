"""The join token that a session begins with, and the next one when half of its life is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from contracts.failures import JOIN_TOKEN_FAILED, KEY_TAKEN, SESSION_ENDING
    from contracts.join_token import TOKEN_TTL_SECONDS, JoinToken, ValidJoinTokenRequest
    from contracts.session import SessionRequest
    from workflows.session import activity_calls
    from workflows.session.clock import now
    from workflows.session.state import Notes


class JoinTokens:
    """One at a time, however often it is asked for: the session's history does not grow with its callers' curiosity."""

    def __init__(self, session: SessionRequest, notes: Notes, *, is_ending: Callable[[], bool]) -> None:
        self._session = session
        self._notes = notes
        self._is_ending = is_ending
        self._renewing = asyncio.Lock()
        self.error: str | None = None

    def check(self, request: ValidJoinTokenRequest) -> None:
        """Refuse with type `KeyTaken` or `SessionEnding`; a refused update leaves no trace in the history."""
        if request.fingerprint and request.fingerprint != self._session.fingerprint:
            raise ApplicationError("the session was started by another request", type=KEY_TAKEN)
        self._refuse_at_the_end()

    async def first(self) -> JoinToken:
        """What the session began with, as soon as it is there. Fails with type `JoinTokenFailed`."""
        await workflow.wait_condition(lambda: self._notes.join_token is not None or self._is_ending())
        if self._notes.join_token is None:
            raise ApplicationError(self.error or "the session ended before it began", type=JOIN_TOKEN_FAILED)
        return self._notes.join_token

    async def valid(self) -> JoinToken:
        """One that will open the room for another half of its life. Fails with type `JoinTokenFailed`, `SessionEnding`.

        Who asks again is about to come: the waits for the caller begin anew.
        """
        is_repeated = self._notes.join_token is not None
        await self.first()
        async with self._renewing:
            if now() - self._notes.join_token_at > TOKEN_TTL_SECONDS / 2:
                await self._renew()
        self._refuse_at_the_end()
        if is_repeated:
            self._notes.looked_at = now()
        return await self.first()

    async def _renew(self) -> None:
        try:
            self._notes.take(await activity_calls.renew_join_token(self._session), now())
        except FailureError as error:
            if now() - self._notes.join_token_at >= TOKEN_TTL_SECONDS:
                raise ApplicationError(activity_calls.cause(error), type=JOIN_TOKEN_FAILED) from error

    def _refuse_at_the_end(self) -> None:
        if self._is_ending():
            raise ApplicationError("the session is ending", type=SESSION_ENDING)
