"""A chat endpoint's dialect, learned from its refusals. Pure.

Endpoints are OpenAI-compatible up to a point: they refuse newer optional fields, orders of roles that their chat
template does not know, and prompts beyond their context.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from livekit.agents.llm import ChatContext

from agent.speech.chat_messages import arrange, characters, texts

OPTIONAL_FIELDS: Final = ("max_completion_tokens", "max_tokens", "temperature", "reasoning_effort", "stream_options")

_CONTEXT = re.compile(
    r"context[ _](?:length|size|window)|exceed_context|(?:prompt|input) is too long|reduce the length|too many tokens",
    re.IGNORECASE,
)
_CONTEXT_TOKENS = re.compile(
    r"(?:n_ctx|context[ _](?:length|size|window)(?: of the model)?(?: is| of)?)\D{0,3}(\d{3,})", re.IGNORECASE
)
_ROLES = re.compile(
    r"\brole\b|\broles\b|alternat|first message|last message|last (?:user )?turn|must start with", re.IGNORECASE
)
_SYSTEM = re.compile(r"system (?:role|message|prompt)s?(?: is| are)? (?:not|un)|role.{0,12}system", re.IGNORECASE)
_FILTERED = re.compile(r"content[ _](?:filter|policy|management)", re.IGNORECASE)
_REPLY_TOKENS: Final = 200
"""Left free in the context for a reply and the template's marks."""


@dataclass(frozen=True)
class Refusal:
    """An error response: its status and the words in its body."""

    status: int
    words: str

    @classmethod
    def of(cls, status: int, body: object, message: str) -> Refusal:
        """Read a response's JSON body, or its `message` if it has none."""
        return cls(status, " ".join(_words(body)) or message)


@dataclass(frozen=True)
class ChatDialect:
    """How an endpoint wants its requests; see `arrange`."""

    omitted: frozenset[str] = frozenset()
    alternates: bool = False
    system_as_user: bool = False
    max_characters: int | None = None

    def fields(self, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Return the optional fields to send, of those that are wanted."""
        fields = dict(wanted)
        if "max_completion_tokens" in self.omitted and "max_completion_tokens" in fields:
            fields["max_tokens"] = fields["max_completion_tokens"]
        return {name: value for name, value in fields.items() if name not in self.omitted}

    def arrange(self, context: ChatContext) -> ChatContext:
        """Return the context in the form and the size that the endpoint takes."""
        return arrange(
            context,
            alternates=self.alternates,
            system_as_user=self.system_as_user,
            max_characters=self.max_characters,
        )

    def after(self, refusal: Refusal, wanted: Mapping[str, Any], context: ChatContext) -> ChatDialect | None:
        """Return the dialect for the next attempt after a refusal; None if no other one could help."""
        if refusal.status not in (400, 413, 422, 500) or _FILTERED.search(refusal.words):
            return None
        if _CONTEXT.search(refusal.words) or refusal.status == 413:
            return self._shorter(refusal.words, context)
        named = {name for name in {*self.fields(wanted), "stream_options"} - self.omitted if _names(refusal, name)}
        if refusal.status != 500 and (named := named & {*OPTIONAL_FIELDS}):
            return replace(self, omitted=self.omitted | named)
        if refusal.status != 500 or _ROLES.search(refusal.words):
            return self._stricter(refusal.words, context)
        return None

    def _shorter(self, words: str, context: ChatContext) -> ChatDialect | None:
        sent = self.arrange(context)
        used = max(map(int, re.findall(r"\d{3,}", words)), default=0)
        limit = _CONTEXT_TOKENS.search(words)
        share = (int(limit[1]) - _REPLY_TOKENS) / used if limit and used > int(limit[1]) else 1.0
        # By a fifth at least: texts differ in tokens, and each further refusal keeps the caller waiting. By two thirds
        # at most: a number in an error can be anything.
        shorter = replace(self, max_characters=int(characters(sent.items) * max(0.33, min(share * 0.95, 0.8))))
        return shorter if texts(shorter.arrange(context)) != texts(sent) else None

    def _stricter(self, words: str, context: ChatContext) -> ChatDialect | None:
        """Return the next stricter order of roles. Tried too if the refusal does not say what it dislikes."""
        sent = texts(self.arrange(context))
        strict = replace(self, alternates=True)
        strictest = replace(strict, system_as_user=True)
        for stricter in (strictest,) if _SYSTEM.search(words) else (strict, strictest):
            if texts(stricter.arrange(context)) != sent:
                return stricter
        return None


def _names(refusal: Refusal, field: str) -> bool:
    return re.search(rf"(?<!\w){field}(?!\w)", refusal.words) is not None


def _words(body: object) -> Iterator[str]:
    """Yield a body's texts and numbers, without what it repeats of the request."""
    match body:
        case dict():
            for name, value in body.items():
                if name in ("input", "ctx", "messages"):
                    continue
                if isinstance(value, int):
                    yield f"{name} {value}"
                else:
                    yield from _words(value)
        case list():
            for value in body:
                yield from _words(value)
        case str():
            yield body
