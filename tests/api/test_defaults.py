"""Default parameters of a model: which there can be, where they go, and that the caller's own word comes first."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from api import defaults
from api.backends.upstream import UpstreamBackend
from api.catalog import Target
from api.estimates import estimate
from api.serializers.chat import parse_chat
from api.serializers.completions import parse_completion
from tests.api.upstreams import call_to, chat_request, completion_request, embedding_request
from tests.mock_upstream import MockUpstream

ALL = frozenset({"chat", "completions", "embeddings"})
CHAT = frozenset({"chat"})
HELLO: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.mark.parametrize(
    ("parameters", "capabilities", "expected"),
    [
        ({}, ALL, {}),
        (
            {"temperature": 0.2},
            ALL,
            {"chat/completions": {"temperature": 0.2}, "completions": {"temperature": 0.2}},
        ),
        ({"temperature": 0.2}, CHAT, {"chat/completions": {"temperature": 0.2}}),
        ({"dimensions": 8}, ALL, {"embeddings": {"dimensions": 8}}),
        ({"dimensions": 8}, CHAT, {}),
        ({"top_k": 5}, ALL, {"chat/completions": {"top_k": 5}, "completions": {"top_k": 5}}),
        (
            {"suffix": "!", "reasoning_effort": "low"},
            ALL,
            {"chat/completions": {"reasoning_effort": "low"}, "completions": {"suffix": "!"}},
        ),
    ],
)
def test_each_goes_to_the_endpoints_that_know_it_and_unknown_ones_to_those_that_let_them_through(
    parameters: dict[str, Any], capabilities: frozenset[str], expected: dict[str, Any]
) -> None:
    assert defaults.by_path(parameters, capabilities) == expected


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], "A JSON object"),
        ("temperature", "A JSON object"),
        ({"messages": [], "temperature": 1}, "Only a caller says: messages."),
        ({"stream": True, "n": 2}, "Only a caller says: n, stream."),
        ({"temperature": 3}, "Expected a value <= 2"),
        ({"temperature": "warm"}, "expected a decimal, but got a string"),
        ({"stop": 5}, "Invalid type for 'stop'"),
        ({"top_logprobs": 3}, "only allowed when 'logprobs' is enabled"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"dimensions": 0}, "dimensions"),
    ],
)
def test_what_no_caller_could_send_or_only_a_caller_may_is_refused(parameters: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        defaults.complain(parameters, ALL)
    assert message in caught.value.message_dict["default_parameters"][0]


def test_what_can_be_sent_is_taken() -> None:
    defaults.complain({"temperature": 0.2, "top_k": 5, "max_tokens": 100, "stop": ["."]}, ALL)


@pytest.mark.parametrize(
    ("parameters", "body", "expected"),
    [
        ({"temperature": 0.2}, {"model": "m"}, {"model": "m", "temperature": 0.2}),
        ({"temperature": 0.2}, {"temperature": 1}, {"temperature": 1}),
        ({"temperature": 0.2}, {"temperature": None}, {"temperature": None}),
        ({"max_tokens": 5}, {"max_completion_tokens": 9}, {"max_completion_tokens": 9}),
        ({"max_completion_tokens": 5, "user": "u"}, {"max_tokens": 9}, {"max_tokens": 9, "user": "u"}),
        ({"max_tokens": 5}, {}, {"max_tokens": 5}),
    ],
)
def test_what_the_caller_says_comes_first(
    parameters: dict[str, Any], body: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert defaults.merged(parameters, body) == expected


async def test_the_upstream_is_asked_with_the_defaults_of_its_path(
    upstream: MockUpstream, upstream_backend: UpstreamBackend
) -> None:
    told = {"chat/completions": {"temperature": 0.2, "seed": 1}, "completions": {"suffix": "!"}}
    call = call_to(upstream, defaults=told)
    await upstream_backend.chat(chat_request(seed=2), call)
    assert (upstream.last.body["temperature"], upstream.last.body["seed"]) == (0.2, 2)
    async for _ in upstream_backend.stream_chat(chat_request(stream=True), call):
        assert upstream.last.body["temperature"] == 0.2
    await upstream_backend.complete(completion_request(), call)
    assert upstream.last.body["suffix"] == "!"
    await upstream_backend.embed(embedding_request(), call)
    assert set(upstream.last.body) == {"model", "input"}


@pytest.mark.parametrize(
    ("body", "parameters", "most"),
    [
        ({}, {"max_tokens": 5}, 5),
        ({}, {"max_completion_tokens": 6, "max_tokens": 5}, 6),
        ({}, {"temperature": 0}, 1024),
        ({"max_tokens": 7}, {"max_tokens": 5}, 7),
        ({"max_completion_tokens": 8}, {"max_tokens": 5}, 8),
        ({"max_tokens": None}, {"max_tokens": 5}, 5),
    ],
)
def test_a_default_maximum_is_what_an_answer_is_reckoned_with(
    body: dict[str, Any], parameters: dict[str, Any], most: int
) -> None:
    target = Target("m", "up", "openai", defaults={"chat/completions": parameters})
    assert estimate(parse_chat({**HELLO, **body}), target)[1] == most


@pytest.mark.parametrize(("parameters", "most"), [({"max_tokens": 50}, 50), ({"seed": 1}, 16), ({}, 16)])
def test_legacy_completions_have_a_maximum_in_any_case(parameters: dict[str, Any], most: int) -> None:
    target = Target("m", "up", "openai", defaults={"completions": parameters, "embeddings": {"dimensions": 2}})
    assert estimate(parse_completion({"model": "m", "prompt": "Hi"}), target)[1] == most
