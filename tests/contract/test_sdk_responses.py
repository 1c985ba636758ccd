"""The official SDK's `client.responses` against every backend: sync and async, every answer and event validated.

`relay` is another hop: this server as its own upstream. `elsewhere` is a server that knows nothing but chat.
"""

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai.types.responses import Response, ResponseErrorEvent

from tests.api.commands import run
from tests.contract.conftest import CHAT_MODELS
from tests.contract.test_sdk import Caller, City
from tests.mock_upstream import MODEL, MockUpstream
from tests.serving import Server

pytestmark = pytest.mark.usefixtures("loaded")

TOOL: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 12}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
MODELS = (*CHAT_MODELS, "elsewhere")
every_model = pytest.mark.parametrize("model", MODELS)
every_chat_model = pytest.mark.parametrize("model", CHAT_MODELS)


@pytest.fixture(autouse=True)
def elsewhere(server: Server) -> Iterator[MockUpstream]:
    with MockUpstream() as upstream:
        run("add_upstream", "vendor", upstream.url)
        run("add_model", "elsewhere", "--upstream", "vendor", "--upstream-model", MODEL)
        yield upstream


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def either(request: pytest.FixtureRequest, server: Server, api_key: str) -> Caller:
    return Caller(server, api_key, asynchronous=request.param)


@pytest.fixture
def call(server: Server, api_key: str) -> Caller:
    return Caller(server, api_key, asynchronous=False)


def created(**body: Any) -> Callable[[Any], Any]:
    return lambda client: client.responses.create(**body)


def through(**body: Any) -> Callable[[Any], Any]:
    """What reads a stream of the SDK's helper to its end, and gives the response that it put together."""

    def sync(client: openai.OpenAI) -> Any:
        with client.responses.stream(**body) as events:
            return events.get_final_response()

    async def asynchronous(client: openai.AsyncOpenAI) -> Any:
        async with client.responses.stream(**body) as events:
            return await events.get_final_response()

    return lambda client: asynchronous(client) if isinstance(client, openai.AsyncOpenAI) else sync(client)


def bare(response: Response) -> dict[str, Any]:
    """A response but for its ids, its times and what backends name at random."""
    told = response.to_dict()
    items: Any = told.pop("output")
    output = [{key: item[key] for key in item.keys() - {"id", "call_id"}} for item in items]
    return {key: told[key] for key in told.keys() - {"id", "created_at", "completed_at", "model"}} | {"output": output}


@every_model
def test_a_response(either: Caller, model: str) -> None:
    response = either(
        lambda client: client.responses.create(
            model=model, input=[{"role": "user", "content": [{"type": "input_text", "text": "Say hello to Paris."}]}],
            instructions="You are brief.", max_output_tokens=16, temperature=0.5, top_p=0.9, metadata={"a": "b"},
            user="u", safety_identifier="s", include=["message.output_text.logprobs"], top_logprobs=1, store=False,
            truncation="disabled", text={"format": {"type": "text"}}, parallel_tool_calls=True,
        )
    )  # fmt: skip
    assert response.output_text
    assert response.status in ("completed", "incomplete")
    assert (response.model, response.metadata, response.instructions) == (model, {"a": "b"}, "You are brief.")
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens > 0
    assert response._request_id.startswith("req_")
    if model != "elsewhere":  # which says nothing of logprobs
        assert response.output[0].content[0].logprobs[0].token


@every_model
def test_a_response_as_a_stream(either: Caller, model: str) -> None:
    events = either(
        lambda client: client.responses.create(model=model, input="Say hello.", max_output_tokens=16, stream=True)
    )
    assert [event.sequence_number for event in events] == [*range(len(events))]
    assert [event.type for event in events[:4]] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == events[-1].response.output_text != ""
    assert events[-1].response.usage.total_tokens > 0


@every_model
def test_the_helper_puts_a_stream_together(either: Caller, model: str) -> None:
    response = either(through(model=model, input="Say hello."))
    assert response.output_text
    assert response.status == "completed"


@every_chat_model
def test_a_call_goes_there_and_its_output_back(call: Caller, model: str) -> None:
    turns: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]
    response = call(
        lambda client: client.responses.create(
            model=model, input=turns, tools=[TOOL], tool_choice={"type": "function", "name": "weather"}
        )
    )
    (item,) = response.output
    assert (item.type, item.name) == ("function_call", "weather")
    turns += [*response.output, {"type": "function_call_output", "call_id": item.call_id, "output": "sunny"}]
    response = call(
        lambda client: client.responses.create(
            model=model, input=turns, tools=[TOOL], tool_choice="none", max_output_tokens=16
        )
    )
    assert response.output_text
    turns += [*response.output, {"role": "user", "content": "Thanks."}]
    assert call(lambda client: client.responses.create(model=model, input=turns, max_output_tokens=16)).output_text


@every_chat_model
def test_a_call_as_a_stream(call: Caller, model: str) -> None:
    response = call(through(model=model, input="Paris", tools=[TOOL], tool_choice="required"))
    assert response.output[0].parsed_arguments["city"] is not None
    (item,) = response.output
    turns = [{"role": "user", "content": "Paris"}, item, {"type": "function_call_output", "call_id": item.call_id}]
    turns[-1]["output"] = "sunny"
    answer = call(
        lambda client: client.responses.create(
            model=model, input=turns, tools=[TOOL], tool_choice="none", max_output_tokens=16
        )
    )
    assert answer.output_text


@every_chat_model
def test_structured_output_into_a_class(call: Caller, model: str) -> None:
    response = call(lambda client: client.responses.parse(model=model, input="Say hello to Paris.", text_format=City))
    assert isinstance(response.output_parsed, City)
    turns = [{"role": "user", "content": "Paris"}, *response.output, {"role": "user", "content": "Again."}]
    response = call(through(model=model, input=turns, text_format=City))
    assert isinstance(response.output_parsed, City)


def test_another_hop_says_the_same(call: Caller) -> None:
    bodies: list[dict[str, Any]] = [
        {"input": "Hello, world", "top_logprobs": 1},
        {"input": "word " * 30, "max_output_tokens": 16},
        {"input": "weather in Paris", "tools": [TOOL], "parallel_tool_calls": False},
        {"input": "x", "text": {"format": {"type": "json_object"}}, "instructions": "y"},
    ]
    for body in bodies:
        here, there = (call(created(model=model, **body)) for model in ("lukhas-echo-1", "relay"))
        assert bare(here) == bare(there)
        here, there = (call(created(model=model, stream=True, **body)) for model in ("lukhas-echo-1", "relay"))
        assert [event.type for event in here] == [event.type for event in there]
        assert bare(here[-1].response) == bare(there[-1].response)


@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_the_sdks_own(either: Caller, stream: bool) -> None:
    for model in MODELS:
        with pytest.raises(openai.BadRequestError) as bad:
            either(created(model=model, input="Hi", store=True, stream=stream))
        assert (bad.value.code, bad.value.param) == ("unsupported_parameter", "store")
    with pytest.raises(openai.NotFoundError):
        either(created(model="absent", input="Hi", stream=stream))
    with pytest.raises(openai.NotFoundError):
        either(lambda client: client.responses.retrieve("resp_1"))


def test_an_error_in_a_stream_that_has_begun_is_an_event(either: Caller, elsewhere: MockUpstream) -> None:
    elsewhere.mode = "error-mid"
    *_, error, failed = either(lambda client: client.responses.create(model="elsewhere", input="Hi", stream=True))
    assert isinstance(error, ResponseErrorEvent)
    assert (error.code, error.message) == ("oom", "Out of memory.")
    assert (failed.type, failed.response.status, failed.response.output_text) == (
        "response.failed",
        "failed",
        "Hello there",
    )
