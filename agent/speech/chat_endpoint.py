"""livekit-agents' OpenAI client for endpoints of any vendor: a reply has words, and errors quote no conversation."""

from __future__ import annotations

import logging
from typing import Any

from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError, APITimeoutError, llm
from livekit.agents.llm.utils import ThinkingTokenFilter
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import is_given
from livekit.plugins import openai
from openai import omit
from openai.types.chat.chat_completion_chunk import Choice

from agent.speech.chat_dialect import ChatDialect, Refusal
from agent.speech.chat_replies import NoWordsError, SurrogateJoiner, WordGate

logger = logging.getLogger("agent.speech.chat_endpoint")


class ChatLLM(openai.LLM):
    """The plugin's LLM, whose streams are `ChatStream`s. `dialect` is what its process has learned of the endpoint."""

    dialect = ChatDialect()

    def adopt(self, dialect: ChatDialect) -> None:
        """Use a dialect from now on, because the endpoint has accepted it after a refusal."""
        if dialect != self.dialect:
            logger.warning("%s/%s has refused requests; it gets %s", self.provider, self.model, dialect)
            self.dialect = dialect

    def chat(  # type: ignore[override]  # our agents use neither tools' options nor response formats
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
        **_: object,
    ) -> llm.LLMStream:
        """Ask for a reply."""
        fields = {name: value for name in _FIELDS if is_given(value := getattr(self._opts, name))}
        return ChatStream(
            self,
            model=self._opts.model,
            provider_fmt=self._provider_fmt,
            strict_tool_schema=self._strict_tool_schema,
            client=self._client,
            chat_ctx=chat_ctx,
            tools=tools or [],
            conn_options=conn_options,
            extra_kwargs={**fields, **(extra_kwargs or {})},
        )


_FIELDS = ("temperature", "max_completion_tokens", "reasoning_effort")
"""The optional fields of `language_model.build`, and the one that the plugin sets for models that reason."""


class ChatStream(openai.LLMStream):
    """A reply. Fails with `NoWordsError` if it ends without a word.

    A refusal that another dialect may avoid is answered by another request at once.
    """

    def __init__(self, chat_llm: ChatLLM, **arguments: Any) -> None:
        super().__init__(chat_llm, **arguments)
        self._chat_llm = chat_llm
        self._wanted_fields = dict(self._extra_kwargs)  # the plugin has dropped those that it knows to be refused
        self._wanted_context = self._chat_ctx

    async def _run(self) -> None:
        self._halves, self._gate = SurrogateJoiner(), WordGate()
        self._finish_reason: str | None = None
        self._calls_tool = False
        self._first_dialect = self._dialect = self._chat_llm.dialect
        while not await self._accepted():
            pass
        self._settle()
        if not self._gate.open and not self._calls_tool:
            raise NoWordsError(self._finish_reason)

    async def _accepted(self) -> bool:
        """Ask in the present dialect. Returns False, with another dialect to try, if that was refused."""
        self._chat_ctx = self._dialect.arrange(self._wanted_context)
        self._extra_kwargs = self._dialect.fields(self._wanted_fields)
        if "stream_options" in self._dialect.omitted:
            self._extra_kwargs["extra_body"] = {"stream_options": omit}  # the plugin always sets it
        try:
            await super()._run()
        except APIError as error:
            dialect = self._dialect_after(error)
            if dialect is None:
                raise _without_texts(error) from None
            self._dialect = dialect
            return False
        return True

    def _dialect_after(self, error: APIError) -> ChatDialect | None:
        if not isinstance(error, APIStatusError):
            return None
        refusal = Refusal.of(error.status_code, error.body, error.message)
        return self._dialect.after(refusal, self._wanted_fields, self._wanted_context)

    def _settle(self) -> None:
        if self._dialect != self._first_dialect:  # another stream may have learned more meanwhile
            self._first_dialect = self._dialect
            self._chat_llm.adopt(self._dialect)

    def _parse_choice(self, id: str, choice: Choice, thinking_filter: ThinkingTokenFilter) -> llm.ChatChunk | None:
        self._settle()  # now, because a prefill ends here
        self._finish_reason = choice.finish_reason or self._finish_reason
        # Some vendors leave the delta out, whatever the type says. The plugin's chunks refuse half a character.
        if choice.delta and isinstance(choice.delta.content, str):
            choice.delta.content = self._halves.push(choice.delta.content)
        chunk = super()._parse_choice(id, choice, thinking_filter)
        if chunk is None or chunk.delta is None:
            return chunk
        chunk.delta.content = self._gate.push(chunk.delta.content or "") or None
        chunk.delta.tool_calls = [call for call in chunk.delta.tool_calls if self._is_offered(call.name)]
        self._calls_tool |= bool(chunk.delta.tool_calls)
        return chunk if chunk.has_response() else None

    def _is_offered(self, name: str) -> bool:
        return self._tool_ctx.get_function_tool(name) is not None


def _without_texts(error: APIError) -> APIError:
    """Return the error without the endpoint's words: they can quote the conversation, and livekit-agents logs them."""
    if isinstance(error, APITimeoutError):
        return APITimeoutError(retryable=error.retryable)
    if isinstance(error, APIStatusError):
        return APIStatusError(
            f"HTTP {error.status_code}",
            status_code=error.status_code,
            request_id=error.request_id,
            retryable=error.retryable,
        )
    return APIConnectionError(f"Failed: {type(error.__cause__ or error).__name__}", retryable=error.retryable)
