"""The echo backend: it says what it was told, honours every parameter, and cannot be made to say too much."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import numpy as np
import orjson
import pytest
from pytest_django import Settings

from api.backends import echo_voice
from api.backends.base import Call, Usage
from api.backends.echo import MOST_DIMENSIONS, EchoBackend
from api.catalog import Target
from api.engines import encodings
from api.exceptions import APIError
from api.serializers.chat import parse_chat
from api.serializers.completions import parse_completion
from api.serializers.embeddings import parse_embeddings
from api.serializers.moderations import parse_moderation

ECHO = EchoBackend()
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
TIME = {"type": "function", "function": {"name": "clock"}}


def call_of(**target: Any) -> Call:
    return Call(Target(model="catalog-echo", upstream="echo", kind="echo", **target))


def chat_request(content: Any = "Hello, world", **body: Any) -> Any:
    return parse_chat({"model": "m", "messages": [{"role": "user", "content": content}], **body})


async def chat(content: Any = "Hello, world", call: Call | None = None, **body: Any) -> Any:
    return orjson.loads(await ECHO.chat(chat_request(content, **body), call or call_of()))


async def complete(prompt: Any = "Hello, world", call: Call | None = None, **body: Any) -> Any:
    request = parse_completion({"model": "m", "prompt": prompt, **body})
    return orjson.loads(await ECHO.complete(request, call or call_of()))


async def embed(given: Any, call: Call | None = None, **body: Any) -> Any:
    return orjson.loads(await ECHO.embed(parse_embeddings({"model": "m", "input": given, **body}), call or call_of()))


async def refused(answer: Any) -> tuple[str | None, str | None]:
    """Code and param of the error."""
    with pytest.raises(APIError) as caught:
        await answer
    assert len(caught.value.message) < 600
    return caught.value.code, caught.value.param


def said(answer: Any) -> list[tuple[str, str]]:
    return [(one["message"]["content"], one["finish_reason"]) for one in answer["choices"]]


def written(answer: Any) -> list[tuple[str, str]]:
    return [(one["text"], one["finish_reason"]) for one in answer["choices"]]


async def test_a_chat_says_the_last_messages_text_and_counts_its_tokens() -> None:
    call = call_of()
    answer = await chat([{"type": "text", "text": "Hello, "}, {"type": "text", "text": "world"}], call)
    assert said(answer) == [("Hello, world", "stop")]
    assert answer["model"] == "catalog-echo"
    assert answer["usage"]["prompt_tokens"] == answer["usage"]["completion_tokens"] == 3
    assert call.usage == Usage(3, 3)
    assert call.finish_reasons == ("stop",)
    assert call.response_id == answer["id"]


async def test_n_choices_are_all_alike_and_counted_each() -> None:
    answer = await chat(n=3)
    assert said(answer) == [("Hello, world", "stop")] * 3
    assert answer["usage"]["completion_tokens"] == 9


async def test_the_same_request_has_the_same_answer() -> None:
    for body in ({}, {"tools": [WEATHER], "tool_choice": "required"}):
        first, second = await chat(**body), await chat(**body)
        assert first["choices"] == second["choices"]


@pytest.mark.parametrize(
    ("body", "text", "reason"),
    [
        ({"max_tokens": 2}, "Hello,", "length"),
        ({"max_tokens": 3}, "Hello, world", "stop"),
        ({"stop": " wor"}, "Hello,", "stop"),
        ({"stop": ["orld", ", "]}, "Hello", "stop"),
        ({"stop": "Hello"}, "", "stop"),
        ({"stop": "absent"}, "Hello, world", "stop"),
        ({"stop": "world", "max_tokens": 1}, "Hello", "length"),
        ({"logit_bias": {"11": -100}}, "Hello world", "stop"),
        ({"logit_bias": {"11": -99}}, "Hello, world", "stop"),
        ({"logit_bias": {"11": -100}, "stop": "o w"}, "Hell", "stop"),
        ({"logit_bias": {"11": -100}, "max_tokens": 1}, "Hello", "length"),
        ({"logit_bias": {"11": -100}, "max_tokens": 1, "stop": " world"}, "Hello", "stop"),
    ],
)
async def test_length_stop_strings_and_silenced_tokens_shape_what_is_said(
    body: dict[str, Any], text: str, reason: str
) -> None:
    assert said(await chat(**body)) == [(text, reason)]


async def test_a_bias_on_a_token_that_there_is_not_is_refused() -> None:
    assert await refused(chat(logit_bias={"999999999": 1})) == ("invalid_value", "logit_bias")


async def test_characters_of_several_tokens_come_whole_or_not_at_all() -> None:
    text = "日本語 👩‍🚀 ǅ"
    deltas = [delta async for delta in ECHO.chat_deltas(chat_request(text), call_of())]
    assert "".join(delta.content or "" for delta in deltas) == text
    assert not any("\ufffd" in (delta.content or "") for delta in deltas)
    assert said(await chat("👩", max_tokens=1)) == [("\ufffd", "length")]


async def test_what_is_special_to_an_encoding_is_text_like_any_other() -> None:
    assert said(await chat("<|endoftext|>")) == [("<|endoftext|>", "stop")]


async def test_json_is_answered_where_json_is_asked_for() -> None:
    answer = await chat(response_format={"type": "json_object"})
    assert orjson.loads(said(answer)[0][0]) == {"echo": "Hello, world"}
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema, "strict": True}}
    assert orjson.loads(said(await chat(response_format=form))[0][0]) == {"city": "Hello, world"}


async def test_a_schema_that_cannot_be_satisfied_is_refused() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": 5}}}
    assert await refused(chat(response_format=form)) == ("invalid_value", "response_format.json_schema.schema")
    bad = {"type": "function", "function": {"name": "bad", "parameters": {"type": "object", "required": "x"}}}
    tools = {"tools": [WEATHER, bad], "tool_choice": {"type": "function", "function": {"name": "bad"}}}
    assert await refused(chat(**tools)) == ("invalid_value", "tools[1].function.parameters")
    bad["function"] = {"name": "bad", "parameters": {"type": "string"}}
    assert await refused(chat(**tools)) == ("invalid_value", "tools[1].function.parameters")


def called(answer: Any, choice: int = 0) -> list[tuple[str, Any]]:
    calls = answer["choices"][choice]["message"].get("tool_calls", [])
    return [(one["function"]["name"], orjson.loads(one["function"]["arguments"])) for one in calls]


@pytest.mark.parametrize(
    ("text", "body", "names", "reason"),
    [
        ("the weather at what clock?", {}, ["weather", "clock"], "tool_calls"),
        ("the weather at what clock?", {"parallel_tool_calls": False}, ["weather"], "tool_calls"),
        ("nothing", {}, [], "stop"),
        ("the weather", {"tool_choice": "none"}, [], "stop"),
        ("nothing", {"tool_choice": "required"}, ["weather"], "tool_calls"),
        ("the clock", {"tool_choice": "required"}, ["clock"], "tool_calls"),
        ("the weather", {"tool_choice": TIME}, ["clock"], "stop"),
    ],
)
async def test_tools_are_called_as_the_choice_says(text: str, body: Any, names: list[str], reason: str) -> None:
    answer = await chat(text, tools=[WEATHER, TIME], **body)
    assert [name for name, _ in called(answer)] == names
    assert answer["choices"][0]["finish_reason"] == reason
    assert answer["choices"][0]["message"]["content"] == (None if names else text)
    assert all(arguments == ({"city": text} if name == "weather" else {}) for name, arguments in called(answer))


async def test_every_call_has_an_id_of_its_own_and_is_counted() -> None:
    answer = await chat("weather and clock", tools=[WEATHER, TIME], n=2)
    ids = {one["id"] for choice in answer["choices"] for one in choice["message"]["tool_calls"]}
    assert len(ids) == 4
    encoding = encodings.encoding("cl100k_base")
    arguments = [one["function"]["arguments"] for one in answer["choices"][0]["message"]["tool_calls"]]
    assert answer["usage"]["completion_tokens"] == 2 * sum(len(encoding.encode(text)) for text in arguments)


async def test_after_a_tools_result_the_result_is_said() -> None:
    messages = [
        {
            "role": "assistant",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "clock", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "clock says noon"},
    ]
    request = parse_chat({"model": "m", "messages": messages, "tools": [TIME]})
    assert said(orjson.loads(await ECHO.chat(request, call_of()))) == [("clock says noon", "stop")]


async def test_arguments_end_where_the_tokens_do() -> None:
    answer = await chat("weather and clock", tools=[WEATHER, TIME], max_tokens=3)
    calls = answer["choices"][0]["message"]["tool_calls"]
    assert [one["function"]["name"] for one in calls] == ["weather"]
    assert calls[0]["function"]["arguments"] == '{"city":"'
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 3


async def test_log_probabilities_are_those_of_certainty() -> None:
    content = (await chat("Hi you", logprobs=True, top_logprobs=1))["choices"][0]["logprobs"]["content"]
    assert [entry["token"] for entry in content] == ["Hi", " you"]
    assert content[0]["top_logprobs"] == [{"token": "Hi", "logprob": 0.0, "bytes": [72, 105]}]
    assert (await chat("Hi", logprobs=True))["choices"][0]["logprobs"]["content"][0]["top_logprobs"] == []
    assert (await chat("Hi"))["choices"][0]["logprobs"] is None


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ({"audio": {}}, "unsupported_parameter", "audio"),
        ({"functions": [{}]}, "unsupported_parameter", "functions"),
        ({"top_k": 5}, "unknown_parameter", "top_k"),
        ({"modalities": ["text", "audio"]}, "unsupported_value", "modalities"),
        ({"store": True}, "unsupported_value", "store"),
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "unsupported_value", "tools[0].type"),
        (
            {"tools": [TIME], "tool_choice": {"type": "allowed_tools", "allowed_tools": {}}},
            "unsupported_value",
            "tool_choice.type",
        ),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(body: Any, code: str, param: str) -> None:
    assert await refused(chat(**body)) == (code, param)
    with pytest.raises(APIError) as caught:
        await anext(ECHO.stream_chat(chat_request(stream=True, **body), call_of()))
    assert (caught.value.code, caught.value.param) == (code, param)


async def test_a_backend_must_say_what_it_used() -> None:
    class Silent(EchoBackend):
        async def chat_deltas(self, request: Any, call: Call) -> AsyncIterator[Any]:
            for nothing in ():
                yield nothing

    with pytest.raises(RuntimeError, match="without saying what it used"):
        await Silent().chat(chat_request(), call_of())


async def test_what_asks_for_nothing_is_fine() -> None:
    body = {"store": False, "modalities": ["text"], "audio": None, "functions": None, "verbosity": "low"}
    assert said(await chat(**body)) == [("Hello, world", "stop")]


async def test_an_image_is_refused_where_it_stands() -> None:
    parts = [{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {"url": "x"}}]
    assert await refused(chat(parts)) == ("unsupported_value", "messages[0].content[1].type")


async def test_a_turn_without_text_says_nothing() -> None:
    request = parse_chat({"model": "m", "messages": [{"role": "assistant", "content": None, "audio": {"id": "a"}}]})
    assert said(orjson.loads(await ECHO.chat(request, call_of()))) == [("", "stop")]


@pytest.mark.parametrize(
    ("prompt", "body", "choices"),
    [
        ("Hi you", {}, [("Hi you", "stop")]),
        (["a", "b"], {"n": 2}, [("a", "stop"), ("a", "stop"), ("b", "stop"), ("b", "stop")]),
        ([15339, 1917], {}, [("hello world", "stop")]),
        ([[15339], [1917]], {}, [("hello", "stop"), (" world", "stop")]),
        ("Hi you", {"max_tokens": 1}, [("Hi", "length")]),
        ("Hi you", {"max_tokens": 0}, [("", "length")]),
        ("Hi you", {"max_tokens": 0, "echo": True}, [("Hi you", "length")]),
        ("Hi you", {"echo": True}, [("Hi youHi you", "stop")]),
        ("Hi you", {"stop": " you", "best_of": 1}, [("Hi", "stop")]),
        ("", {}, [("", "stop")]),
        (None, {}, [("<|endoftext|>", "stop")]),
    ],
)
async def test_a_completion_says_its_prompt(prompt: Any, body: Any, choices: list[tuple[str, str]]) -> None:
    assert written(await complete(prompt, **body)) == choices


async def test_a_completions_log_probabilities_say_where_each_token_stands() -> None:
    known = (await complete("Hi you", logprobs=1))["choices"][0]["logprobs"]
    assert known == {
        "tokens": ["Hi", " you"],
        "token_logprobs": [0.0, 0.0],
        "top_logprobs": [{"Hi": 0.0}, {" you": 0.0}],
        "text_offset": [0, 2],
    }
    assert (await complete("Hi", logprobs=0))["choices"][0]["logprobs"]["top_logprobs"] == [{}]


@pytest.mark.parametrize(
    ("prompt", "body", "code", "param"),
    [
        ("Hi", {"suffix": "x"}, "unsupported_parameter", "suffix"),
        ("Hi", {"best_of": 2}, "unsupported_parameter", "best_of"),
        ("Hi", {"echo": True, "logprobs": 1}, "unsupported_parameter", "logprobs"),
        ("Hi", {"top_k": 1}, "unknown_parameter", "top_k"),
        ([999_999], {}, "invalid_value", "prompt"),
        ([[1], [999_999]], {}, "invalid_value", "prompt[1]"),
        (["a"] * 17, {"n": 128}, "invalid_value", "n"),
        ("word " * 1000, {"echo": True, "n": 128}, "invalid_value", "echo"),
    ],
)
async def test_a_completion_that_cannot_be_honoured_is_refused_by_name(
    prompt: Any, body: Any, code: str, param: str
) -> None:
    assert await refused(complete(prompt, **body)) == (code, param)
    request = parse_completion({"model": "m", "prompt": prompt, "stream": True, **body})
    with pytest.raises(APIError) as caught:
        await anext(ECHO.stream_complete(request, call_of()))
    assert caught.value.code == code


async def test_a_prompt_over_the_window_is_refused_with_both_numbers() -> None:
    with pytest.raises(APIError, match=r"maximum context length is 5 tokens.*resulted in 6 tokens") as caught:
        await chat(call=call_of(context_window=5), max_tokens=3)
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    assert said(await chat(call=call_of(context_window=5), max_tokens=2)) == [("Hello,", "length")]
    assert await refused(complete(["a", "a b c d e f"], call_of(context_window=5))) == (
        "context_length_exceeded",
        "prompt",
    )
    assert len(written(await complete(["a b c", "d e f"], call_of(context_window=5), max_tokens=2))) == 2


@pytest.mark.parametrize("text", ["word " * 2_000_000, "x" * 2_500_000, "x y" * 1_000_000])
async def test_megabytes_are_refused_off_the_event_loop(text: str) -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            longest = max(longest, time.perf_counter() - began)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.02)
    assert await refused(chat(text)) == ("context_length_exceeded", "messages")
    assert await refused(embed(text)) == ("max_tokens_per_request", None)
    watching.cancel()
    assert longest < 0.5


async def test_a_long_text_is_said_up_to_the_answers_limit_shared_among_the_choices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert said(await chat("word " * 60_000)) == [("word " * 60_000, "stop")]
    monkeypatch.setattr(echo_voice, "MOST_TOKENS", 100)
    answer = await chat("word " * 1000, n=10)
    assert answer["usage"]["completion_tokens"] == 100
    assert [reason for _, reason in said(answer)] == ["length"] * 10


async def test_a_long_answer_lets_others_have_their_turn() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    async for _ in ECHO.chat_deltas(chat_request("word " * 1_000), call_of()):
        pass
    task.cancel()
    assert turns >= 3


async def test_it_can_play_a_slow_model_and_is_free_again_when_the_caller_hangs_up(settings: Settings) -> None:
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.02
    call = call_of()
    began = time.monotonic()
    async with aclosing(ECHO.chat_deltas(chat_request("a b c d e f g h"), call)) as deltas:
        await anext(deltas)
        await anext(deltas)
    assert time.monotonic() - began >= 0.04
    assert call.usage == Usage(8, 2)


async def test_a_cancelled_answer_says_what_it_used(settings: Settings) -> None:
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 60
    call = call_of()
    task = asyncio.create_task(ECHO.chat(chat_request(), call))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert call.usage == Usage(3, 0)


async def test_equal_texts_have_equal_vectors_of_unit_length_and_others_do_not() -> None:
    answer = await embed(["a", "b", "a"])
    rows = np.array([row["embedding"] for row in answer["data"]])
    assert rows.shape == (3, 64)
    assert np.allclose(np.linalg.norm(rows, axis=1), 1)
    assert (rows[0] == rows[2]).all()
    assert abs(rows[0] @ rows[1]) < 0.9
    assert answer["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    tokens = await embed([64])
    assert tokens["data"][0]["embedding"] == answer["data"][0]["embedding"]


async def test_a_text_is_flagged_for_the_categories_whose_names_it_holds() -> None:
    request = parse_moderation({"model": "m", "input": ["a hate/threatening b", "c"]})
    call = call_of()
    named, harmless = orjson.loads(await ECHO.moderate(request, call))["results"]
    assert [name for name, yes in named["categories"].items() if yes] == ["hate", "hate/threatening"]
    assert named["category_scores"]["hate"] == 1.0
    assert not harmless["flagged"]
    assert call.usage is not None
    assert call.usage.input_tokens == 7
    long = parse_moderation({"model": "m", "input": "a b c d e f"})
    assert await refused(ECHO.moderate(long, call_of(context_window=3))) == (None, None)


async def test_vectors_have_the_dimensions_that_were_asked_for() -> None:
    assert len((await embed("a", dimensions=3))["data"][0]["embedding"]) == 3
    assert await refused(embed("a", dimensions=MOST_DIMENSIONS + 1)) == ("integer_above_max_value", "dimensions")
    assert await refused(embed("a", dimensions=2**62)) == ("integer_above_max_value", "dimensions")


@pytest.mark.parametrize(
    ("given", "window", "code", "param"),
    [
        ([999_999], None, "invalid_value", "input"),
        ([[1], [999_999]], None, "invalid_value", "input[1]"),
        ([[999_999]], None, "invalid_value", "input[0]"),
        (["a", "a b c"], 2, None, None),
        ([[1] * 2048] * 150, None, "max_tokens_per_request", None),
        (["word " * 100_000, "a b"] * 4, None, "max_tokens_per_request", None),
    ],
)
async def test_inputs_over_the_limits_and_unknown_ids_are_refused(
    given: Any, window: int | None, code: str | None, param: str | None
) -> None:
    assert await refused(embed(given, call_of(context_window=window))) == (code, param)


async def test_many_token_ids_are_decoded_off_the_event_loop() -> None:
    answer = await embed([[64] * 2000] * 5)
    assert answer["usage"]["prompt_tokens"] == (await embed(["a" * 2000] * 5))["usage"]["prompt_tokens"]


async def _streamed(events: AsyncIterator[bytes]) -> list[bytes]:
    whole = b"".join([event async for event in events])
    return [event.removeprefix(b"data: ") for event in whole.strip().split(b"\n\n")]


async def test_a_stream_says_the_same_as_the_whole_answer() -> None:
    call = call_of()
    events = await _streamed(ECHO.stream_chat(chat_request(stream=True, n=2), call))
    assert events[-1] == b"[DONE]"
    assert call.finish_reasons == ("stop", "stop")
    texts = ["", ""]
    for chunk in map(orjson.loads, events[:-1]):
        for choice in chunk["choices"]:
            texts[choice["index"]] += choice["delta"].get("content") or ""
    assert texts == ["Hello, world"] * 2
