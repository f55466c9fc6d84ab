"""The join token that a session begins with, and its renewal when half of its life is over."""

from __future__ import annotations

import asyncio

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from contracts.failures import JOIN_TOKEN_FAILED, KEY_TAKEN, SESSION_ENDING
    from contracts.join_token import TOKEN_TTL_SECONDS, JoinToken, ValidJoinTokenRequest
    from contracts.session import SessionRequest
    from workflows.session import activity_calls
    from workflows.session.clock import now
    from workflows.session.state import SessionState


class JoinTokens:
    """Renews one at a time, however many ask: callers who ask again and again do not make the history grow."""

    def __init__(self, request: SessionRequest, state: SessionState) -> None:
        self._request = request
        self._state = state
        self._renewing = asyncio.Lock()

    def check(self, request: ValidJoinTokenRequest) -> None:
        """Refuse with type `KeyTaken` or `SessionEnding`; a refused update leaves no trace in the history."""
        if request.fingerprint and request.fingerprint != self._request.fingerprint:
            raise ApplicationError("the session was started by another request", type=KEY_TAKEN)
        self._refuse_at_the_end()

    async def first(self) -> JoinToken:
        """The one that the session began with, as soon as it is there. Fails with type `JoinTokenFailed`."""
        state = self._state
        await workflow.wait_condition(lambda: state.join_token is not None or state.end.is_decided)
        if state.join_token is None:
            raise ApplicationError(state.end.start_error or "the session ended before it began", type=JOIN_TOKEN_FAILED)
        return state.join_token

    async def valid(self) -> JoinToken:
        """One that opens the room for another half of its life. Fails with type `JoinTokenFailed`, `SessionEnding`.

        A caller who asks again is about to come: the waits for the caller begin anew.
        """
        is_repeated = self._state.join_token is not None
        await self.first()
        async with self._renewing:
            if now() - self._state.join_token_at > TOKEN_TTL_SECONDS / 2:
                await self._renew()
        self._refuse_at_the_end()
        if is_repeated:
            self._state.last_room_check_at = now()
        return await self.first()

    async def _renew(self) -> None:
        try:
            self._state.issue(await activity_calls.renew_join_token(self._request), now())
        except FailureError as error:
            if now() - self._state.join_token_at >= TOKEN_TTL_SECONDS:
                raise ApplicationError(activity_calls.cause(error), type=JOIN_TOKEN_FAILED) from error

    def _refuse_at_the_end(self) -> None:
        if self._state.end.is_decided:
            raise ApplicationError("the session is ending", type=SESSION_ENDING)
