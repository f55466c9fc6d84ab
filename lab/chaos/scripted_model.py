"""An OpenAI-compatible language model that answers by a script and records its requests.

Its answers follow from the history in the request alone, so they show what an agent forgot.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response, StreamingResponse

from lab.chaos.numbers import answer_to, numbers_in
from lab.chaos.threaded_server import ThreadedServer
from lab.chat_stream import chat_stream

MODEL_NAME: Final = "scripted"


@dataclass(frozen=True)
class ModelRequest:
    """One request: Unix milliseconds of its arrival, the numbers in the caller's turns of its history, the answer.

    `call` is the name by which the call's system prompt tells it from others.
    """

    call: str
    at_ms: int
    numbers: tuple[int, ...]
    answer: str


def system_prompt(call: str) -> str:
    """The system prompt of a call of this name."""
    return f"You answer by a script. This is call {call}."


_CALL = re.compile(r"This is call (\S+)\.")


class ScriptedModel(ThreadedServer):
    """Use as a context manager; `requests` has every request since `reset`."""

    def __init__(self) -> None:
        super().__init__(self._app(), "scripted model")
        self.requests: list[ModelRequest] = []

    @property
    def base_url(self) -> str:
        """The value for LLM_BASE_URL."""
        return f"{self.origin}/v1"

    def reset(self) -> None:
        """Forget all requests."""
        self.requests = []

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.get("/v1/models")
        async def models() -> JSONResponse:
            return JSONResponse({"object": "list", "data": [{"id": MODEL_NAME, "object": "model"}]})

        @app.post("/v1/chat/completions")
        async def completions(body: dict[str, Any]) -> Response:
            history = [numbers_in(_text(message)) for message in body["messages"] if message["role"] == "user"]
            answer = answer_to(history)
            numbers = tuple(number for turn in history for number in turn)
            call = next((found[1] for each in body["messages"] if (found := _CALL.search(_text(each)))), "")
            self.requests.append(ModelRequest(call, time.time_ns() // 1_000_000, numbers, answer))
            return StreamingResponse(chat_stream(answer, MODEL_NAME), media_type="text/event-stream")

        return app


def _text(message: dict[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return " ".join(part.get("text", "") for part in content)
