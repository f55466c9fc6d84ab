"""Arranges a chat context as chat endpoints accept it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from livekit.agents.llm import ChatContext, ChatItem, ChatMessage

CALL_BEGINS: Final = "(The call begins.)"
"""The caller's turn before a greeting, and the only one of a request before the caller has spoken."""
GO_ON: Final = "(Please go on.)"
"""The caller's turn after an answer that was cut off."""
_BLOCK: Final = 8
"""Messages left out together: the start of the prompt stays the same for some turns, and with it a prompt cache."""


def arrange(
    context: ChatContext, *, alternates: bool = False, system_as_user: bool = False, max_characters: int | None = None
) -> ChatContext:
    """Return the system text, then turns of which no two in a row have one role, the last of them never the system's.

    Merging changes nothing for models that take any order, so every endpoint gets it. `alternates` and
    `system_as_user` put words into the caller's mouth, which small models answer, so only endpoints that refuse other
    orders get them: turns begin and end with the caller's, and the system text stands in the first of them. Beyond
    `max_characters` the oldest turns are left out; the system text and the caller's last turn always stay.
    """
    messages = [item for item in context.items if isinstance(item, ChatMessage) and (item.text_content or "").strip()]
    if any(item.type in ("function_call", "function_call_output") for item in context.items):
        return context  # a call and its result belong together
    system = _merged([message for message in messages if message.role in ("system", "developer")], "\n\n")
    turns = _merged([message for message in messages if message.role in ("user", "assistant")], " ")
    if max_characters is not None:
        turns = _newest(turns, max_characters - characters(system))
    if not turns or (alternates and turns[0].role == "assistant"):
        turns = [_message("user", CALL_BEGINS), *turns]
    if alternates and turns[-1].role == "assistant":
        turns = [*turns, _message("user", GO_ON)]
    if system_as_user:
        return ChatContext(_items(_merged([*(_message("user", _text(each)) for each in system), *turns], "\n\n")))
    return ChatContext(_items([*system, *turns]))


def characters(items: Sequence[ChatItem]) -> int:
    """Return the length of all texts."""
    return sum(len(_text(item)) for item in items if isinstance(item, ChatMessage))


def texts(context: ChatContext) -> list[tuple[str, str]]:
    """Return roles and texts: equal ones are the same request."""
    return [(item.role, _text(item)) for item in context.items if isinstance(item, ChatMessage)]


def _merged(messages: Sequence[ChatMessage], separator: str) -> list[ChatMessage]:
    merged: list[ChatMessage] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            text = f"{_text(merged[-1]).rstrip()}{separator}{_text(message).lstrip()}"
            merged[-1] = merged[-1].model_copy(update={"content": [text]})
        else:
            merged.append(message)
    return merged


def _newest(turns: Sequence[ChatMessage], budget: int) -> list[ChatMessage]:
    last_of_caller = max((n for n, turn in enumerate(turns) if turn.role == "user"), default=len(turns) - 1)
    start = 0
    while start < last_of_caller and characters(turns[start:]) > budget:
        start = min(start + _BLOCK, last_of_caller)
    return list(turns[start:])


def _items(messages: Sequence[ChatMessage]) -> list[ChatItem]:
    return list(messages)


def _message(role: Literal["user"], text: str) -> ChatMessage:
    return ChatMessage(role=role, content=[text])


def _text(message: ChatMessage) -> str:
    return message.text_content or ""
