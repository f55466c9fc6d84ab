"""Requests of OpenAI's audio API: their shapes, their bounds, and the form of its errors."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from email.message import Message
from functools import partial
from typing import Annotated, Final, Literal, TypeVar

import numpy as np
from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import BadHttpMessage
from aiohttp.typedefs import Handler
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, Field, ValidationError

from agent.speech.embedded import utterances
from agent.speech.embedded.voices import voice_named

logger = logging.getLogger("agent.speech.embedded.speech_server")

MAX_AUDIO_BYTES: Final = 25 * 1024 * 1024
MAX_FIELD_BYTES: Final = 64 * 1024
MAX_CHARACTERS: Final = 4096
MAX_PARTS: Final = 32
_PCM_RATE: Final = 24_000

Validated = TypeVar("Validated", bound=BaseModel)


class RequestError(Exception):
    """A request that is refused, in the words of OpenAI's errors."""

    def __init__(self, message: str, param: str | None = None, *, status: int = 400, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.status = status
        self.code = code


class SpeechRequest(BaseModel):
    """Body of `POST /v1/audio/speech`. Fields of OpenAI's that are not named here are ignored."""

    model: str
    input: Annotated[str, Field(min_length=1, max_length=MAX_CHARACTERS)]
    voice: Annotated[str, AfterValidator(lambda name: voice_named(name) and name)]
    response_format: Literal["pcm", "wav"] = "wav"
    speed: Literal[1] | None = None


class TranscriptionForm(BaseModel):
    """Fields of `POST /v1/audio/transcriptions` beside `file`."""

    model: str
    language: Annotated[str, Field(pattern="^en")] = "en"
    response_format: Literal["json", "text"] = "json"


def validated(model: type[Validated], body: bytes | dict[str, str]) -> Validated:
    """Parse JSON or form fields. Raises RequestError with the name of the first wrong field."""
    try:
        return model.model_validate(body) if isinstance(body, dict) else model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        param = ".".join(map(str, first["loc"])) or None
        raise RequestError(f"{param or 'body'}: {first['msg']}", param) from None


def check_model(asked: str, served: str) -> None:
    """Raise RequestError unless the model is the one that this route serves."""
    if asked != served:
        message = f"model: there is none of this name here; this route has {served!r}"
        raise RequestError(message, "model", status=404, code="model_not_found")


async def read_form(request: web.Request) -> tuple[dict[str, str], Callable[[], NDArray[np.float32]]]:
    """Read a form's text fields, and its file as a function that decodes it. Audio stays in memory, off the disk."""
    fields: dict[str, str] = {}
    decode: Callable[[], NDArray[np.float32]] | None = None
    try:
        reader = await request.multipart()
        for _ in range(MAX_PARTS):
            part = await reader.next()
            if not isinstance(part, BodyPartReader):
                break
            if part.name == "file":
                decode = _decoder(part, await _read(part, MAX_AUDIO_BYTES))
            elif part.name:
                fields[part.name] = (await _read(part, MAX_FIELD_BYTES)).decode(errors="replace")
    except (AssertionError, ValueError, BadHttpMessage) as error:  # aiohttp asserts that it is multipart
        raise RequestError("the body is no multipart/form-data") from error
    if decode is None:
        raise RequestError("file: Field required", "file")
    return fields, decode


async def _read(part: BodyPartReader, limit: int) -> bytes:
    content = bytearray()
    while chunk := await part.read_chunk(MAX_FIELD_BYTES):
        content += chunk
        if len(content) > limit:
            raise RequestError(f"{part.name}: more than {limit} bytes", part.name, status=413)
    return bytes(content)


def _decoder(part: BodyPartReader, audio: bytes) -> Callable[[], NDArray[np.float32]]:
    kind = Message()
    kind["Content-Type"] = part.headers.get("Content-Type", "")
    if kind.get_content_type() != "audio/pcm":
        return partial(utterances.from_wav, audio)
    rate = str(kind.get_param("rate", _PCM_RATE))
    return partial(utterances.from_pcm, audio, int(rate) if rate.isdecimal() else 0)


@web.middleware
async def errors_like_openai(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every failure in the form of OpenAI's errors."""
    try:
        return await handler(request)
    except RequestError as error:
        return _error(error.status, str(error), error.param, error.code)
    except web.HTTPException as error:
        return _error(error.status, error.reason)
    except Exception as error:
        log_failure(request, error)
        return _error(500, "the speech server failed")


def _error(status: int, message: str, param: str | None = None, code: str | None = None) -> web.Response:
    kind = "invalid_request_error" if status < 500 else "server_error"
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return web.json_response(body, status=status)


def log_failure(request: web.Request, error: Exception) -> None:
    """Log `error` by its type and its place: its text may quote what was said."""
    if isinstance(error, ConnectionError):
        return  # the client left
    place = traceback.extract_tb(error.__traceback__)[-1]
    logger.error("%s failed: %s at %s:%s", request.path, type(error).__name__, place.filename, place.lineno)
