"""livekit-agents' OpenAI client for endpoints of any vendor: a reply has words, and errors quote no conversation."""

from __future__ import annotations

from typing import Any

from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError, APITimeoutError, llm
from livekit.agents.llm.utils import ThinkingTokenFilter
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, NotGivenOr
from livekit.agents.utils import is_given
from livekit.plugins import openai
from openai.types.chat.chat_completion_chunk import Choice

from agent.speech.chat_replies import NoWordsError, SurrogateJoiner, WordGate


class ChatLLM(openai.LLM):
    """The plugin's LLM, whose streams are `ChatStream`s."""

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
    """A reply. Fails with `NoWordsError` if it ends without a word."""

    async def _run(self) -> None:
        self._halves, self._gate = SurrogateJoiner(), WordGate()
        self._finish_reason: str | None = None
        self._calls_tool = False
        try:
            await super()._run()
        except APIError as error:
            raise _without_texts(error) from None
        if not self._gate.open and not self._calls_tool:
            raise NoWordsError(self._finish_reason)

    def _parse_choice(self, id: str, choice: Choice, thinking_filter: ThinkingTokenFilter) -> llm.ChatChunk | None:
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
