"""Endpoints that refuse parts of a request: the caller gets an answer, and the next request is right at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from livekit.agents import APIStatusError, llm

from agent.speech import language_model
from agent.speech.chat_dialect import ChatDialect, Refusal
from agent.speech.chat_messages import CALL_BEGINS
from tests.agent.speech.test_chat_endpoint import client, reply_to
from tests.fakes.speech_services import ANSWER, HEARD, SpeechServices
from tests.fakes.speech_services import Refusal as Response

FIELDS = ("max_completion_tokens", "max_tokens", "temperature", "reasoning_effort", "stream_options")


Refuse = Callable[[dict[str, Any]], Response | None]


def openai_error(field: str) -> Response:
    message = f"Unsupported parameter: '{field}' is not supported with this model."
    return 400, {"error": {"message": message, "type": "invalid_request_error", "param": field, "code": "unsupported"}}


def pydantic_error(field: str) -> Response:
    detail = {"type": "extra_forbidden", "loc": ["body", field], "msg": "Extra inputs are not permitted", "input": 1}
    return 422, {"detail": [detail]}


def mistral_error(field: str) -> Response:
    return 422, {"object": "error", "message": pydantic_error(field)[1], "type": "invalid_request_error", "code": 422}


def text_error(field: str) -> Response:
    return 400, f"unknown field {field}"


def refuses(
    *fields: str, error: Callable[[str], Response] = openai_error
) -> Callable[[dict[str, Any]], Response | None]:
    """Refuse the first of these fields that a request has."""
    return lambda body: next((error(field) for field in fields if field in body), None)


@pytest.mark.parametrize("error", [openai_error, pydantic_error, mistral_error, text_error])
@pytest.mark.parametrize("field", ["temperature", "stream_options", "max_completion_tokens"])
async def test_a_refused_field_is_left_out_from_then_on(
    services: SpeechServices, field: str, error: Callable[[str], Response], caplog: pytest.LogCaptureFixture
) -> None:
    services.refuse = refuses(field, error=error)
    model = client(services)
    assert [await reply_to(model) for _ in range(3)] == [ANSWER] * 3
    assert [field in asked.body for asked in services.asked] == [True, False, False, False]
    assert len([m for m in caplog.messages if field in m]) == 1
    assert HEARD not in caplog.text
    assert services.asked[-1].body.get("max_tokens") == (
        language_model.MAX_TOKENS if field == "max_completion_tokens" else None
    )


async def test_an_endpoint_may_refuse_every_optional_field(services: SpeechServices) -> None:
    services.refuse = refuses(*FIELDS)
    model = client(services, "gpt-5")  # for which the plugin adds an effort
    assert await reply_to(model) == ANSWER
    services.asked.clear()
    assert await reply_to(model) == ANSWER
    assert [sorted(asked.body) for asked in services.asked] == [["messages", "model", "stream"]]


async def test_an_error_that_repeats_the_request_blames_no_field_in_it(services: SpeechServices) -> None:
    def refuse(body: dict[str, Any]) -> Response | None:
        if "temperature" not in body:
            return None
        return 422, {"detail": [{"loc": ["body", "temperature"], "msg": "no", "input": body}]}

    services.refuse = refuse
    await reply_to(client(services))
    assert "max_completion_tokens" in services.asked[-1].body
    assert "stream_options" in services.asked[-1].body


async def test_what_a_prefill_learns_serves_the_first_reply(services: SpeechServices) -> None:
    services.refuse = refuses("temperature")
    model = client(services)
    context = llm.ChatContext.empty()
    context.add_message(role="system", content="Be brief.")
    await language_model.prefill(model, context)
    services.asked.clear()
    assert await reply_to(model) == ANSWER
    assert len(services.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 429, 500])
async def test_a_refusal_that_stays_is_an_error_and_teaches_nothing(services: SpeechServices, status: int) -> None:
    services.refuse = lambda _: (status, {"error": {"message": "no"}})
    model = client(services)
    with pytest.raises(APIStatusError) as raised:
        await reply_to(model, ("system", "Be brief."), ("assistant", "Hi."), ("user", HEARD))
    assert (raised.value.status_code, raised.value.retryable) == (status, status in (429, 500))
    assert len(services.asked) == (3 if status in (400, 422) else 1)
    services.refuse = lambda _: None
    services.asked.clear()
    await reply_to(model, ("system", "Be brief."), ("assistant", "Hi."), ("user", HEARD))
    assert [message["role"] for message in services.asked[0].body["messages"]] == ["system", "assistant", "user"]


def strict_template(body: dict[str, Any], *, system: bool, status: int, words: str) -> Response | None:
    """Refuse what the templates of Llama 2, Mistral and Gemma refuse."""
    roles = [message["role"] for message in body["messages"]]
    if system and roles[0] == "system":
        roles = roles[1:]
    expected = ["user", "assistant"] * len(roles)
    return None if roles and roles == expected[: len(roles)] and len(roles) % 2 else (status, {"error": words})


@pytest.mark.parametrize("system", [True, False])
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (500, "Jinja Exception: After the optional system message, conversation roles must alternate"),
        (400, "System role not supported"),
        (422, "Bad request"),
    ],
)
@pytest.mark.parametrize(
    "turns",
    [
        [],
        [("assistant", "Hi.")],
        [("assistant", "Hi."), ("user", HEARD)],
        [("user", "So."), ("user", HEARD)],
        [("assistant", "Hi."), ("user", HEARD), ("assistant", "Two eu"), ("user", "What?"), ("user", "Well?")],
        [("user", HEARD), ("assistant", "Two eu")],
    ],
)
async def test_strict_templates_get_alternating_roles(
    services: SpeechServices, system: bool, status: int, words: str, turns: list[tuple[llm.ChatRole, str]]
) -> None:
    services.refuse = lambda body: strict_template(body, system=system, status=status, words=words)
    model = client(services)
    for _ in range(2):
        services.asked.clear()
        assert await reply_to(model, ("system", "Be brief."), *turns) == ANSWER
    assert len(services.asked) == 1
    sent = " ".join(message["content"] for message in services.asked[0].body["messages"])
    assert all(text in sent for _, text in [("system", "Be brief."), *turns])


async def test_no_request_is_a_system_message_alone(services: SpeechServices) -> None:
    await reply_to(client(services), ("system", "Be brief."))
    assert services.asked[0].body["messages"][1:] == [{"role": "user", "content": CALL_BEGINS}]


TOKENS = 200


def short_context(body: dict[str, Any], words: str) -> Response | None:
    used = sum(len(message["content"]) for message in body["messages"]) // 4
    if used <= TOKENS:
        return None
    return 400, {"error": {"message": words.format(limit=TOKENS, used=used), "type": "invalid_request_error"}}


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is {limit} tokens. However, your messages resulted in {used} tokens.",
        "'max_completion_tokens' is too large: 160. This model's maximum context length is {limit} tokens and your "
        "request has {used} input tokens.",
        "the request exceeds the available context size ({limit} tokens), try increasing it",
        "Your input is too long.",
    ],
)
async def test_the_oldest_turns_are_left_out_of_a_prompt_that_is_too_long(services: SpeechServices, words: str) -> None:
    services.refuse = lambda body: short_context(body, words)
    model = client(services)
    turns: list[tuple[llm.ChatRole, str]] = [("system", "Be brief. " * 10)]
    for number in range(30):
        turns += [("user", f"Question {number}? " * 3), ("assistant", f"Answer {number}. " * 3)]
    for _ in range(2):
        services.asked.clear()
        assert await reply_to(model, *turns, ("user", HEARD)) == ANSWER
    [asked] = services.asked
    messages = asked.body["messages"]
    assert messages[0] == {"role": "system", "content": turns[0][1]}
    assert messages[-1] == {"role": "user", "content": HEARD}
    assert 3 <= len(messages) < 30
    assert "max_completion_tokens" in asked.body


async def test_a_system_text_beyond_the_context_is_an_error(services: SpeechServices) -> None:
    services.refuse = lambda body: short_context(body, "maximum context length is {limit} tokens, not {used}")
    with pytest.raises(APIStatusError):
        await reply_to(client(services), ("system", "x" * 20_000), ("user", HEARD), ("assistant", "A"), ("user", HEARD))
    assert len(services.asked) < 4


def test_a_content_filter_is_no_matter_of_dialect() -> None:
    refusal = Refusal.of(400, {"code": "content_filter", "message": "see temperature and role"}, "")
    assert ChatDialect().after(refusal, {"temperature": 1}, llm.ChatContext.empty()) is None
