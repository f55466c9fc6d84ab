"""Decrypts payloads for Temporal's UI and command line, by Temporal's remote codec protocol. It never encrypts."""

from __future__ import annotations

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from google.protobuf.json_format import MessageToJson, ParseDict, ParseError
from starlette.responses import Response
from temporalio.api.common.v1 import Payloads

from api.schemas.error_answers import errors
from api.schemas.strict_route import parse_json
from connections.payload_encryption import KeyRing
from errors import InvalidInput, PayloadUnreadable, SetupError
from settings import Settings

PREFIX = "/codec/"
MAX_BYTES = 4 * 1024 * 1024
"""Of one request, like Temporal's own limit. The input of a session after continue-as-new has hundreds of kB."""

_SHORTEST_TOKEN = 32
_EXAMPLE = {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "IkhlbGxvIg=="}]}
_BODY = {"content": {"application/json": {"schema": {"type": "object"}, "example": _EXAMPLE}}}

_Bearer = Annotated[
    HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False, scheme_name="codecToken"))
]
_Namespace = Annotated[str, Path(description="Temporal's, `TEMPORAL_NAMESPACE` of this API.", examples=["default"])]


def codec_router(settings: Settings, keys: KeyRing | None) -> APIRouter:
    """The endpoint's routes; none without keys or without a token.

    Raises `SetupError` for a token that is too short, or in a path where other machines may see it.
    """
    router = APIRouter(tags=["codec"])
    endpoint, own_namespace = settings.codec_endpoint, settings.temporal.namespace
    if endpoint.token_in_path and not settings.api.on_loopback:
        raise SetupError("CODEC_ENDPOINT_TOKEN_IN_PATH is for one machine: it needs API_HOST=127.0.0.1.")
    secret = endpoint.token.get_secret_value()
    if keys is None or not secret:
        return router
    if len(secret) < _SHORTEST_TOKEN:
        raise SetupError(f"CODEC_ENDPOINT_TOKEN has fewer than {_SHORTEST_TOKEN} characters; use a longer one.")

    async def answer(request: Request, namespace: str, token: str) -> Response:
        if not hmac.compare_digest(token.encode(), secret.encode()):
            raise HTTPException(401, "The codec endpoint needs its token.", {"WWW-Authenticate": "Bearer"})
        if namespace != own_namespace:
            raise HTTPException(404)
        decoded = decode_payloads(await request.body(), keys)
        return Response(decoded, media_type="application/json", headers={"Cache-Control": "no-store"})

    @router.post(
        "/codec/{namespace}/decode",
        summary="Decode payloads",
        response_class=Response,
        responses={
            200: {"description": "The same payloads, decrypted.", **_BODY},
            **errors(
                (400, "The request body is not a list of payloads as protobuf writes it in JSON."),
                (401, "The codec endpoint needs its token."),
                (403, "The codec endpoint does not answer pages of https://example.com."),
                (404, "There is nothing at POST /codec/other/decode; see /docs."),
                (413, f"The request body is larger than {MAX_BYTES} bytes."),
            ),
        },
        openapi_extra={"requestBody": {"required": True, **_BODY}},
    )
    async def decode(request: Request, namespace: _Namespace, bearer: _Bearer) -> Response:
        """Temporal's remote codec protocol: protobuf JSON of `temporal.api.common.v1.Payloads`, in and out.

        Payloads that are not encrypted are returned unchanged.
        """
        return await answer(request, namespace, bearer.credentials if bearer else "")

    if endpoint.token_in_path:

        @router.post("/codec/{namespace}/{token}/decode", include_in_schema=False)
        async def decode_for_a_page(request: Request, namespace: str, token: str) -> Response:
            """For a UI whose only setting is an address."""
            return await answer(request, namespace, token)

    return router


def decode_payloads(body: bytes, keys: KeyRing) -> str:
    """Decrypt protobuf's JSON of `Payloads`. Raises `InvalidInput`."""
    try:
        encrypted = ParseDict(parse_json(body), Payloads(), ignore_unknown_fields=True)
    except ParseError:  # its text repeats the input
        raise InvalidInput("The request body is not a list of payloads as protobuf writes it in JSON.") from None
    try:
        decoded = [keys.decrypt(payload) for payload in encrypted.payloads]
    except PayloadUnreadable as error:
        raise InvalidInput(str(error)) from None
    return MessageToJson(Payloads(payloads=decoded), indent=None)
