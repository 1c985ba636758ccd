"""The official SDK against the running server: every supported call, sync and async, every answer validated.

Strict validation raises for an answer that is not of the specification's shape. Two things are beyond it: streamed
legacy completions, whose null `finish_reason` the specification refuses and the wire has; and embeddings in base64,
which the SDK asks for on its own and validates before it decodes them.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import openai
import pydantic
import pytest

from api.exceptions import APIError
from tests.contract.conftest import CHAT_MODELS, EMBEDDING_MODELS, MODERATION_MODELS
from tests.serving import Server

pytestmark = pytest.mark.usefixtures("loaded")

HELLO: list[Any] = [{"role": "user", "content": "Say hello to Paris."}]
TOOL: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 12}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


class City(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    name: str
    large: bool


class Caller:
    """Calls the SDK, sync or async, and gives what both give: answers, and lists of a stream's events."""

    def __init__(self, server: Server, key: str, *, asynchronous: bool) -> None:
        self.asynchronous = asynchronous
        self.options: dict[str, Any] = {"base_url": f"{server.url}/v1", "api_key": key, "max_retries": 0, "timeout": 60}

    def __call__(self, call: Callable[[Any], Any], *, strict: bool = True) -> Any:
        options = {**self.options, "_strict_response_validation": strict}
        if self.asynchronous:
            return asyncio.run(self._asynchronously(call, options))
        with openai.OpenAI(**options) as client:
            answer = call(client)
            return list(answer) if isinstance(answer, Iterator) else answer

    @staticmethod
    async def _asynchronously(call: Callable[[Any], Any], options: dict[str, Any]) -> Any:
        async with openai.AsyncOpenAI(**options) as client:
            answer = call(client)
            answer = await answer if not isinstance(answer, AsyncIterator) else answer
            return [item async for item in answer] if isinstance(answer, AsyncIterator) else answer


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def call(request: pytest.FixtureRequest, server: Server, api_key: str) -> Caller:
    return Caller(server, api_key, asynchronous=request.param)


every_chat_model = pytest.mark.parametrize("model", CHAT_MODELS)


@every_chat_model
def test_chat(call: Caller, model: str) -> None:
    answer = call(
        lambda client: client.chat.completions.create(
            model=model, messages=HELLO, max_tokens=6, n=2, seed=1, temperature=0.5, top_p=0.9, stop=["\n\n\n"],
            presence_penalty=0.1, frequency_penalty=0.1, logprobs=True, top_logprobs=1, user="u", metadata={"a": "b"},
        )
    )  # fmt: skip
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert all(choice.message.content for choice in answer.choices)
    assert answer.choices[0].logprobs.content[0].token
    assert answer.usage.total_tokens > 0
    assert answer._request_id.startswith("req_")


@every_chat_model
def test_chat_as_a_stream(call: Caller, model: str) -> None:
    chunks = call(
        lambda client: client.chat.completions.create(
            model=model, messages=HELLO, max_tokens=6, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert next(chunk.usage.total_tokens for chunk in chunks if chunk.usage) > 0


@every_chat_model
def test_tools(call: Caller, model: str) -> None:
    answer = call(
        lambda client: client.chat.completions.create(
            model=model, messages=HELLO, tools=[TOOL], max_tokens=60,
            tool_choice={"type": "function", "function": {"name": "weather"}},
        )
    )  # fmt: skip
    (tool_call,) = answer.choices[0].message.tool_calls
    assert tool_call.function.name == "weather"
    result = {"role": "tool", "tool_call_id": tool_call.id, "content": "sunny"}
    turns = [*HELLO, answer.choices[0].message.model_dump(exclude_none=True), result]
    answer = call(
        lambda client: client.chat.completions.create(
            model=model, messages=turns, tools=[TOOL], tool_choice="none", max_tokens=6
        )
    )
    assert answer.choices[0].message.content


@every_chat_model
def test_tools_as_a_stream(call: Caller, model: str) -> None:
    chunks = call(
        lambda client: client.chat.completions.create(
            model=model, messages=HELLO, tools=[TOOL], tool_choice="required", stream=True, max_tokens=60
        )
    )
    pieces = [piece for chunk in chunks for piece in chunk.choices[0].delta.tool_calls or ()]
    assert pieces[0].function.name == "weather"
    assert "".join(piece.function.arguments or "" for piece in pieces).startswith("{")


@every_chat_model
def test_structured_output_into_a_class(call: Caller, model: str) -> None:
    answer = call(
        lambda client: client.chat.completions.parse(
            model=model, messages=HELLO, response_format=City, max_tokens=300, seed=3
        )
    )
    assert isinstance(answer.choices[0].message.parsed, City)


@every_chat_model
def test_legacy_completions(call: Caller, model: str) -> None:
    answer = call(
        lambda client: client.completions.create(
            model=model, prompt=["Hello", "world"], max_tokens=4, n=2, echo=True, seed=1, temperature=0.5
        )
    )
    assert [choice.text.startswith("Hello") for choice in answer.choices] == [True, True, False, False]
    answer = call(lambda client: client.completions.create(model=model, prompt=[15339], max_tokens=4, logprobs=1))
    assert answer.choices[0].logprobs.tokens


@every_chat_model
def test_legacy_completions_as_a_stream(call: Caller, model: str) -> None:
    chunks = call(
        lambda client: client.completions.create(
            model=model, prompt="Hello", max_tokens=4, stream=True, stream_options={"include_usage": True}
        ),
        strict=False,
    )
    assert "".join(chunk.choices[0].text for chunk in chunks if chunk.choices)
    assert chunks[0].choices[0].finish_reason is None
    assert chunks[-1].usage.total_tokens > 0


@pytest.mark.parametrize("model", EMBEDDING_MODELS)
def test_embeddings(call: Caller, model: str) -> None:
    floats = call(lambda client: client.embeddings.create(model=model, input=["a", "b"], encoding_format="float"))
    decoded = call(lambda client: client.embeddings.create(model=model, input=["a", "b"]), strict=False)
    for one, other in zip(floats.data, decoded.data, strict=True):
        assert math.isclose(math.fsum(value * value for value in one.embedding), 1, abs_tol=1e-4)
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    tokens = call(lambda client: client.embeddings.create(model=model, input=[[15339]], encoding_format="float"))
    assert tokens.usage.prompt_tokens > 0


@pytest.mark.parametrize("model", MODERATION_MODELS)
def test_moderations(call: Caller, model: str) -> None:
    answer = call(lambda client: client.moderations.create(model=model, input=["a nice day", "another"]))
    assert answer.id.startswith("modr-")
    assert [result.flagged for result in answer.results] == [False, False]
    assert answer.results[0].category_applied_input_types.sexual_minors == ["text"]
    parts: Any = [{"type": "text", "text": "a nice day"}, {"type": "text", "text": "another"}]
    (result,) = call(lambda client: client.moderations.create(model=model, input=parts)).results
    assert result.category_scores.self_harm_intent < 0.5


def test_moderations_without_a_model(call: Caller) -> None:
    assert call(lambda client: client.moderations.create(input="a nice day")).model == "lukhas-moderation-1"


def test_models(call: Caller) -> None:
    if call.asynchronous:
        listed = call(lambda client: client.models.list())
    else:
        listed = call(lambda client: client.models.list().data)
    names = [model.id for model in getattr(listed, "data", listed)]
    assert "relay" in names
    assert call(lambda client: client.models.retrieve("relay")).owned_by == "another"


@every_chat_model
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_the_sdks_own(call: Caller, model: str, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        call(lambda client: client.chat.completions.create(model=model, messages=[], stream=stream))
    assert (bad.value.code, bad.value.param, bad.value.type) == ("empty_array", "messages", "invalid_request_error")
    assert bad.value.request_id is not None
    with pytest.raises(openai.NotFoundError) as absent:
        call(lambda client: client.chat.completions.create(model="absent", messages=HELLO, stream=stream))
    assert absent.value.code == "model_not_found"
    call.options["api_key"] = "sk-lukhas-wrong-and-long-enough"
    with pytest.raises(openai.AuthenticationError):
        call(lambda client: client.chat.completions.create(model=model, messages=HELLO, stream=stream))


def test_an_error_in_a_stream_that_has_begun_is_raised(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from api.backends.echo import EchoBackend

    whole = EchoBackend.chat_deltas

    async def breaking(self: Any, request: Any, answering: Any) -> AsyncIterator[Any]:
        async for delta in whole(self, request, answering):
            yield delta
            raise APIError("Out of memory.", code="oom")

    monkeypatch.setattr(EchoBackend, "chat_deltas", breaking)
    with pytest.raises(openai.APIError, match="Out of memory") as caught:
        call(lambda client: client.chat.completions.create(model="lukhas-echo-1", messages=HELLO, stream=True))
    assert caught.value.code == "oom"


def test_the_raw_answer_tells_what_the_headers_hold(sdk: openai.OpenAI) -> None:
    raw = sdk.chat.completions.with_raw_response.create(model="lukhas-echo-1", messages=HELLO)
    assert raw.headers["openai-version"] == "2020-10-01"
    assert raw.parse().choices[0].message.content == HELLO[0]["content"]
