"""Chat and completion requests as a whole: every parameter of the specification, defaults, and what excludes what."""

from typing import Any

import pytest

from api import parameters
from api.requests import ChatRequest, CompletionRequest, ResponseFormat, Sampling, ToolChoice
from api.serializers.chat import ChatSerializer, parse_chat
from api.serializers.completions import CompletionSerializer, parse_completion
from api.serializers.embeddings import EmbeddingSerializer
from tests.api.faults import fault

# The properties of CreateChatCompletionRequest, CreateCompletionRequest and CreateEmbeddingRequest, as OpenAI's
# specification lists them, those of the schemas they refer to included.
CHAT = """audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens max_tokens messages
    metadata modalities model moderation n parallel_tool_calls prediction presence_penalty prompt_cache_key
    prompt_cache_options prompt_cache_retention reasoning_effort response_format safety_identifier seed service_tier
    stop store stream stream_options temperature tool_choice tools top_logprobs top_p user verbosity
    web_search_options"""
COMPLETIONS = """best_of echo frequency_penalty logit_bias logprobs max_tokens model n presence_penalty prompt seed stop
    stream stream_options suffix temperature top_p user"""
EMBEDDINGS = "dimensions encoding_format input model user"

HELLO: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("listed", "known", "serializer"),
    [
        (CHAT, parameters.CHAT, ChatSerializer),
        (COMPLETIONS, parameters.COMPLETIONS, CompletionSerializer),
        (EMBEDDINGS, parameters.EMBEDDINGS, EmbeddingSerializer),
    ],
)
def test_the_specifications_parameters_are_known_and_checked_and_no_others(
    listed: str, known: frozenset[str], serializer: Any
) -> None:
    assert known == set(listed.split())
    assert set(serializer().fields) == known


def test_a_chat_of_nothing_but_what_is_required_has_the_specifications_defaults() -> None:
    assert parse_chat(HELLO) == ChatRequest(
        model="m", messages=tuple(HELLO["messages"]), body=HELLO, tool_choice=ToolChoice("none")
    )


def test_every_parameter_of_a_chat_reaches_the_request() -> None:
    body = {
        **HELLO, "stream": True, "stream_options": {"include_usage": True}, "n": 3, "stop": "x", "seed": -5,
        "temperature": 0, "top_p": 0.5, "presence_penalty": -2, "frequency_penalty": 2, "max_tokens": 9,
        "logit_bias": {"1": 1}, "logprobs": True, "top_logprobs": 20, "response_format": {"type": "json_object"},
        "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required",
        "parallel_tool_calls": False, "unheard_of": {"kept": True},
    }  # fmt: skip
    request = parse_chat(body)
    assert request.sampling == Sampling(3, ("x",), -5, 0, 0.5, -2, 2, 9, {1: 1})
    assert request.stream
    assert request.include_usage
    assert request.top_logprobs == 20
    assert request.response_format == ResponseFormat("json_object")
    assert request.tool_choice == ToolChoice("required")
    assert not request.parallel_tool_calls
    assert request.body is body


def test_null_is_as_good_as_absent_for_everything_optional() -> None:
    nothing = dict.fromkeys(parameters.CHAT - {"model", "messages"})
    assert parse_chat({**nothing, **HELLO}) == ChatRequest(
        model="m", messages=tuple(HELLO["messages"]), body={**nothing, **HELLO}, tool_choice=ToolChoice("none")
    )
    empty = dict.fromkeys(parameters.COMPLETIONS - {"model"})
    assert parse_completion({**empty, "model": "m"}).sampling == Sampling(max_tokens=16)


def test_the_newer_name_of_max_tokens_wins() -> None:
    assert parse_chat({**HELLO, "max_tokens": 5, "max_completion_tokens": 7}).sampling.max_tokens == 7


def test_logprobs_are_asked_for_by_a_flag_and_a_number() -> None:
    assert parse_chat({**HELLO, "logprobs": True}).top_logprobs == 0
    assert parse_chat({**HELLO, "logprobs": False}).top_logprobs is None
    assert fault(parse_chat, {**HELLO, "top_logprobs": 1}) == ("invalid_value", "top_logprobs")
    assert fault(parse_chat, {**HELLO, "logprobs": False, "top_logprobs": 0}) == ("invalid_value", "top_logprobs")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"model": 5}, "invalid_type"),
        ({"n": 0}, "integer_below_min_value"),
        ({"n": 129}, "integer_above_max_value"),
        ({"temperature": 2.1}, "decimal_above_max_value"),
        ({"top_p": -0.1}, "decimal_below_min_value"),
        ({"presence_penalty": 3}, "decimal_above_max_value"),
        ({"frequency_penalty": -3}, "decimal_below_min_value"),
        ({"max_tokens": 0}, "integer_below_min_value"),
        ({"max_completion_tokens": 0}, "integer_below_min_value"),
        ({"top_logprobs": 21}, "integer_above_max_value"),
        ({"seed": 1e30}, "integer_above_max_value"),
        ({"stream": "yes"}, "invalid_type"),
        ({"user": 5}, "invalid_type"),
        ({"safety_identifier": "x" * 513}, "string_above_max_length"),
        ({"service_tier": "gold"}, "invalid_value"),
        ({"verbosity": "loud"}, "invalid_value"),
        ({"modalities": "text"}, "invalid_type"),
        ({"audio": []}, "invalid_type"),
        ({"functions": []}, "empty_array"),
    ],
)
def test_a_parameter_of_a_chat_has_its_type_and_range(body: dict[str, Any], code: str) -> None:
    assert fault(parse_chat, {**HELLO, **body}) == (code, next(iter(body)))


def test_a_completion_of_nothing_but_a_model_has_the_specifications_defaults() -> None:
    assert parse_completion({"model": "m"}) == CompletionRequest(
        model="m", prompts=("<|endoftext|>",), body={"model": "m"}, sampling=Sampling(max_tokens=16)
    )


def test_every_parameter_of_a_completion_reaches_the_request() -> None:
    request = parse_completion(
        {"model": "m", "prompt": "Hi", "stream": True, "stream_options": {"include_usage": True}, "n": 2, "best_of": 2,
         "echo": True, "logprobs": 5, "max_tokens": 0, "stop": ["a"], "seed": 1}
    )  # fmt: skip
    assert request.sampling == Sampling(2, ("a",), 1, max_tokens=0)
    assert (request.stream, request.include_usage, request.logprobs, request.echo) == (True, True, 5, True)


@pytest.mark.parametrize(
    ("body", "known"),
    [
        ({"best_of": 1, "n": 2}, ("invalid_value", "best_of")),
        ({"best_of": 21}, ("integer_above_max_value", "best_of")),
        ({"logprobs": True}, ("invalid_type", "logprobs")),
        ({"logprobs": 6}, ("integer_above_max_value", "logprobs")),
        ({"max_tokens": -1}, ("integer_below_min_value", "max_tokens")),
        ({"echo": 1}, ("invalid_type", "echo")),
        ({"stream_options": {"include_usage": True}}, ("invalid_value", "stream_options")),
    ],
)
def test_a_parameter_of_a_completion_has_its_type_and_range(body: dict[str, Any], known: tuple[str, str]) -> None:
    assert fault(parse_completion, {"model": "m", **body}) == known


def test_a_model_must_be_named() -> None:
    for parse in (parse_chat, parse_completion):
        assert fault(parse, {"messages": HELLO["messages"]}) == ("missing_required_parameter", "model")
