"""The stream of an OpenAI-compatible chat answer, for stand-ins of language models."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator


def chat_stream(answer: str, model: str) -> Iterator[str]:
    """Server-sent events: a chunk for each word, the end, and `[DONE]`."""
    for word in answer.split():
        yield _event(model, {"role": "assistant", "content": f"{word} "})
    yield _event(model, {}, "stop")
    yield "data: [DONE]\n\n"


def _event(model: str, delta: dict[str, str], finish_reason: str | None = None) -> str:
    chunk = {
        "id": f"chatcmpl-{model}",
        "object": "chat.completion.chunk",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
    }
    return f"data: {json.dumps(chunk)}\n\n"
