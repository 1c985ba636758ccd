"""The embedded chat backend on the real model: every parameter that it honours, and what it refuses."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pytest_django import Settings

from api.backends.base import Call
from api.backends.embedded_chat import EmbeddedChatBackend
from api.exceptions import (
    ContextLengthExceeded,
    InvalidRequest,
    InvalidValue,
    Overloaded,
    UnknownParameter,
    UnsupportedParameter,
    UnsupportedValue,
)
from api.requests import EmbeddingRequest
from api.serializers.chat import parse_chat
from api.serializers.completions import parse_completion
from tests.api.llamas import backend, call, engine, prompt, until

QUESTION = "Tell me a long story about the sea."
WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the current weather for a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
MAIL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "send_email",
        "description": "Send an email to a person",
        "parameters": {"type": "object", "properties": {"to": {"type": "string", "maxLength": 10}}, "required": ["to"]},
    },
}


def body_of(question: str | list[Any], **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": question}] if isinstance(question, str) else question
    return {"model": "lukhas-chat-1", "messages": messages, "seed": 1, "max_tokens": 8, **fields}


async def ask(question: str | list[Any], *, known: Call | None = None, **fields: Any) -> dict[str, Any]:
    """The whole answer."""
    answer: dict[str, Any] = json.loads(await backend().chat(parse_chat(body_of(question, **fields)), known or call()))
    return answer


async def said(question: str | list[Any], **fields: Any) -> str:
    answer = await ask(question, **fields)
    return str(answer["choices"][0]["message"]["content"])


async def chunks(events: AsyncIterator[bytes]) -> list[dict[str, Any]]:
    """The JSON of all events but the last, which is checked to be [DONE]."""
    datas = [data for event in [event async for event in events] for data in event.decode().split("\n\n") if data]
    assert datas.pop() == "data: [DONE]"
    return [json.loads(data.removeprefix("data: ")) for data in datas]


async def streamed(question: str | list[Any], **fields: Any) -> list[dict[str, Any]]:
    return await chunks(backend().stream_chat(parse_chat(body_of(question, stream=True, **fields)), call()))


async def complete(text: Any, *, known: Call | None = None, **fields: Any) -> dict[str, Any]:
    body = {"model": "lukhas-chat-1", "prompt": text, "seed": 1, "max_tokens": 4, **fields}
    answer: dict[str, Any] = json.loads(await backend().complete(parse_completion(body), known or call()))
    return answer


def test_an_engine_is_made_from_the_settings(settings: Settings, tmp_path: Path) -> None:
    settings.LUKHAS_CHAT_GGUF = str(tmp_path / "own.gguf")
    settings.LUKHAS_CHAT_SLOTS, settings.LUKHAS_CHAT_QUEUE = 3, 5
    made = EmbeddedChatBackend()
    assert not made.loaded
    with pytest.raises(FileNotFoundError, match=r"own\.gguf"):
        made.load()
    settings.LUKHAS_CHAT_GGUF = ""
    assert EmbeddedChatBackend().fingerprint(call()) == backend().fingerprint(call())


async def test_the_model_is_loaded_by_the_first_request_and_given_back_at_the_end(settings: Settings) -> None:
    settings.LUKHAS_CHAT_SLOTS = 1
    made = EmbeddedChatBackend()
    request = parse_chat(body_of("Hi", max_tokens=2))
    assert json.loads(await made.chat(request, call()))["usage"]["completion_tokens"] == 2
    assert made.loaded
    await made.close()
    assert not made.loaded


async def test_an_answer_is_whole_and_counted() -> None:
    known = call()
    answer = await ask("Name the capital city of France.", temperature=0, max_tokens=24, known=known)
    choice = answer["choices"][0]
    assert "Paris" in choice["message"]["content"]
    assert choice["finish_reason"] == "stop"
    assert choice["logprobs"] is None
    assert answer["usage"]["prompt_tokens"] == len(prompt("Name the capital city of France."))
    assert 0 < answer["usage"]["completion_tokens"] < 24
    assert known.finish_reasons == ("stop",)


async def test_a_stream_says_what_the_whole_answer_says() -> None:
    whole = await ask(QUESTION)
    parts = await streamed(QUESTION, stream_options={"include_usage": True})
    text = "".join(part["choices"][0]["delta"].get("content") or "" for part in parts if part["choices"])
    assert text == whole["choices"][0]["message"]["content"]
    assert len(parts) > 6
    assert parts[-2]["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"] == "length"
    assert parts[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"] == 8


async def test_a_seed_repeats_and_another_does_not() -> None:
    hot = {"temperature": 1.5, "top_p": 1}
    assert await said(QUESTION, **hot, seed=5) == await said(QUESTION, **hot, seed=5) != await said(QUESTION, **hot)


async def test_each_choice_has_a_seed_of_its_own_and_n_is_not_bound_by_slots() -> None:
    known = call()
    hot = {"temperature": 1.5, "top_p": 1, "max_tokens": 4}
    answer = await ask(QUESTION, n=5, **hot, known=known)
    texts = [choice["message"]["content"] for choice in answer["choices"]]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3, 4]
    assert texts[3] == await said(QUESTION, **hot, seed=4)
    assert len(set(texts)) > 1
    assert known.usage is not None
    assert (known.usage.input_tokens, known.usage.output_tokens) == (len(prompt(QUESTION)), 20)
    assert known.finish_reasons == ("length",) * 5


async def test_without_a_seed_choices_differ() -> None:
    answer = await ask(QUESTION, n=3, temperature=2, top_p=1, seed=None)
    assert len({choice["message"]["content"] for choice in answer["choices"]}) > 1


async def test_a_stop_string_ends_the_answer() -> None:
    whole = await said(QUESTION)
    word = whole.split()[2]
    assert await said(QUESTION, stop=[word, "never said"]) == whole[: whole.index(word)]


async def test_a_narrow_top_p_is_greedy() -> None:
    assert await said(QUESTION, top_p=0, temperature=2) == await said(QUESTION, temperature=0)


async def test_penalties_and_biases_are_honoured() -> None:
    token = engine().server.tokenise(" fish", special=False)[0]
    bias: dict[str, Any] = {"logit_bias": {str(token): 12}, "temperature": 0, "max_tokens": 12}
    plain = (await said(QUESTION, **bias)).count("fish")
    assert plain > 4
    assert (await said(QUESTION, **bias, frequency_penalty=2)).count("fish") < plain
    assert (await said(QUESTION, **bias, presence_penalty=2)).count("fish") < plain


async def test_a_bias_on_a_token_that_the_model_does_not_have_is_refused() -> None:
    with pytest.raises(InvalidValue, match="from 0 to 49151") as refusal:
        await ask(QUESTION, logit_bias={"49152": 1})
    assert refusal.value.param == "logit_bias"


@pytest.mark.parametrize("top", [None, 0, 3])
async def test_log_probabilities_have_openais_shape(top: int | None) -> None:
    answer = await ask(QUESTION, logprobs=True, top_logprobs=top, max_tokens=3)
    choice = answer["choices"][0]
    entries = choice["logprobs"]["content"]
    assert "".join(entry["token"] for entry in entries) == choice["message"]["content"]
    for entry in entries:
        assert entry.keys() == {"token", "logprob", "bytes", "top_logprobs"}
        assert bytes(entry["bytes"]).decode() == entry["token"]
        assert -9999 <= entry["logprob"] <= 0
        assert len(entry["top_logprobs"]) == (top or 0)
        assert all(one.keys() == {"token", "logprob", "bytes"} for one in entry["top_logprobs"])


async def test_a_character_of_several_tokens_loses_no_log_probability() -> None:
    tokens = engine().server.tokenise("🙂", special=False)
    assert len(tokens) > 1
    form = {"type": "json_schema", "json_schema": {"name": "smile", "schema": {"const": "🙂🙂"}}}
    parts = await streamed("Smile!", logprobs=True, response_format=form, max_tokens=20)
    entries = [entry for part in parts for entry in (part["choices"][0]["logprobs"] or {"content": []})["content"]]
    assert b"".join(bytes(entry["bytes"]) for entry in entries).decode() == '"🙂🙂"'
    assert "".join(part["choices"][0]["delta"].get("content") or "" for part in parts) == '"🙂🙂"'


SCHEMAS: dict[str, Any] = {
    "nested": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "address": {
                "type": "object",
                "properties": {"city": {"type": "string", "maxLength": 10}, "number": {"type": "integer"}},
                "required": ["city", "number"],
                "additionalProperties": False,
            },
        },
        "required": ["name", "address"],
        "additionalProperties": False,
    },
    "array": {
        "type": "object",
        "properties": {"colours": {"type": "array", "items": {"enum": ["red", "green", "blue"]}, "maxItems": 4}},
        "required": ["colours"],
        "additionalProperties": False,
    },
    "anyOf": {
        "type": "object",
        "properties": {"age": {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 130}, {"type": "null"}]}},
        "required": ["age"],
        "additionalProperties": False,
    },
    "references": {
        "type": "object",
        "properties": {"from": {"$ref": "#/$defs/point"}, "to": {"$ref": "#/$defs/point"}},
        "required": ["from", "to"],
        "additionalProperties": False,
        "$defs": {
            "point": {
                "type": "object",
                "properties": {"x": {"type": "number", "minimum": -9, "maximum": 9}, "y": {"const": 0}},
                "required": ["x", "y"],
                "additionalProperties": False,
            }
        },
    },
}


@pytest.mark.parametrize("name", SCHEMAS)
async def test_structured_output_satisfies_its_schema(name: str) -> None:
    form = {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": SCHEMAS[name]}}
    answer = await ask("Describe Ada in JSON.", response_format=form, max_tokens=150)
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "stop"
    jsonschema.validate(json.loads(choice["message"]["content"]), SCHEMAS[name])


async def test_structured_output_that_is_cut_says_so() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMAS["nested"]}}
    answer = await ask("Describe Ada in JSON.", response_format=form, max_tokens=5)
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["choices"][0]["message"]["content"].startswith('{"name')


async def test_a_schema_that_cannot_be_held_is_refused_and_named() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": {"pattern": "a"}}}
    with pytest.raises(InvalidRequest, match=r"response_format 'x': .*'pattern' is not supported") as refusal:
        await ask("Hi", response_format=form)
    assert refusal.value.param == "response_format.json_schema.schema"


async def test_json_mode_gives_an_object() -> None:
    text = await said("A colour as JSON", response_format={"type": "json_object"}, max_tokens=40)
    assert text.startswith("{")


def calls_of(answer: dict[str, Any]) -> list[tuple[str, Any]]:
    calls = answer["choices"][0]["message"].get("tool_calls", [])
    assert all(re.fullmatch(r"call_[a-zA-Z0-9]{24}", one["id"]) and one["type"] == "function" for one in calls)
    return [(one["function"]["name"], json.loads(one["function"]["arguments"])) for one in calls]


@pytest.mark.parametrize("parallel", [False, True])
async def test_auto_calls_the_tool_that_is_asked_for(parallel: bool) -> None:
    answer = await ask(
        "What is the weather in Paris?", tools=[WEATHER, MAIL], parallel_tool_calls=parallel, max_tokens=100
    )
    assert calls_of(answer)[0] == ("get_weather", {"city": "Paris"})
    assert parallel or len(calls_of(answer)) == 1
    assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert answer["choices"][0]["message"]["content"] is None


async def test_auto_answers_in_text_when_no_tool_is_asked_for() -> None:
    answer = await ask("Tell me a joke.", tools=[WEATHER], logprobs=True)
    assert calls_of(answer) == []
    choice = answer["choices"][0]
    assert choice["message"]["content"]
    assert "".join(entry["token"] for entry in choice["logprobs"]["content"]) == choice["message"]["content"]


async def test_auto_leaves_the_model_free_to_call_after_a_result() -> None:
    turn = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "sunny, 21 degrees"},
    ]
    answer = await ask(turn, tools=[WEATHER], max_tokens=30)
    assert answer["choices"][0]["message"]["content"]
    opening = engine().server.tokenise("<tool", special=False)
    bias = {str(token): 20 for token in opening}
    answer = await ask(turn, tools=[WEATHER], max_tokens=60, logit_bias=bias, temperature=0)
    assert [name for name, _ in calls_of(answer)] == ["get_weather"]


async def test_auto_with_a_format_answers_in_the_format_unless_a_tool_is_asked_for() -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMAS["anyOf"]}}
    text = await said("Tell me a joke.", tools=[WEATHER], response_format=form, max_tokens=60)
    jsonschema.validate(json.loads(text), SCHEMAS["anyOf"])
    answer = await ask("What is the weather in Paris?", tools=[WEATHER], response_format=form, max_tokens=60)
    assert calls_of(answer) == [("get_weather", {"city": "Paris"})]


async def test_required_calls_whatever_is_asked() -> None:
    answer = await ask("Hello!", tools=[WEATHER, MAIL], tool_choice="required", max_tokens=120)
    assert {name for name, _ in calls_of(answer)} <= {"get_weather", "send_email"}
    assert calls_of(answer)
    assert answer["choices"][0]["finish_reason"] == "tool_calls"


async def test_required_with_one_tool_calls_it() -> None:
    answer = await ask("Hello!", tools=[WEATHER], tool_choice="required", parallel_tool_calls=False, max_tokens=60)
    assert [name for name, _ in calls_of(answer)] == ["get_weather"]


async def test_a_named_function_is_called_once_and_ends_with_stop() -> None:
    choice = {"type": "function", "function": {"name": "send_email"}}
    answer = await ask("What is the weather in Paris?", tools=[WEATHER, MAIL], tool_choice=choice, max_tokens=60)
    assert [name for name, _ in calls_of(answer)] == ["send_email"]
    assert answer["choices"][0]["finish_reason"] == "stop"


async def test_none_calls_nothing() -> None:
    answer = await ask("What is the weather in Paris?", tools=[WEATHER], tool_choice="none")
    assert calls_of(answer) == []
    assert answer["usage"]["prompt_tokens"] == len(prompt("What is the weather in Paris?"))


async def test_a_call_that_is_cut_says_so() -> None:
    answer = await ask("Hello!", tools=[WEATHER], tool_choice="required", max_tokens=4)
    assert answer["choices"][0]["finish_reason"] == "length"


async def test_streamed_calls_have_openais_shape() -> None:
    parts = await streamed(
        "What is the weather in Paris?", tools=[WEATHER], parallel_tool_calls=False, max_tokens=60, logprobs=True
    )
    deltas = [call for part in parts for call in part["choices"][0]["delta"].get("tool_calls", [])]
    first = deltas[0]
    assert (first["index"], first["type"]) == (0, "function")
    assert first["function"] == {"name": "get_weather", "arguments": ""}
    assert re.fullmatch(r"call_[a-zA-Z0-9]{24}", first["id"])
    assert all(delta.keys() == {"index", "function"} for delta in deltas[1:])
    assert json.loads("".join(delta["function"]["arguments"] for delta in deltas)) == {"city": "Paris"}
    assert len(deltas) > 3
    assert not any(part["choices"][0]["logprobs"] for part in parts)
    assert parts[-1]["choices"][0]["finish_reason"] == "tool_calls"


@pytest.mark.parametrize(
    ("parameters", "reason"), [({"type": "string"}, 'type: "object"'), ({"type": "object", "not": {}}, "'not'")]
)
async def test_parameters_that_cannot_be_held_are_refused_and_named(parameters: Any, reason: str) -> None:
    faulty = {"type": "function", "function": {"name": "f", "parameters": parameters, "strict": True}}
    with pytest.raises(InvalidValue, match=f"function 'f': .*{reason}") as refusal:
        await ask("Hi", tools=[WEATHER, faulty])
    assert refusal.value.param == "tools[1].function.parameters"
    named = {"type": "function", "function": {"name": "get_weather"}}
    await ask("Hi", tools=[WEATHER, faulty], tool_choice=named)


@pytest.mark.parametrize("limit", [{"max_tokens": 1}, {"max_tokens": None, "max_completion_tokens": 1}])
async def test_a_prompt_that_fills_the_context_is_refused(limit: dict[str, Any]) -> None:
    with pytest.raises(ContextLengthExceeded) as refusal:
        await ask("word " * 2_100, **limit)
    assert refusal.value.param == "messages"
    assert "2048 tokens" in refusal.value.message


async def test_max_tokens_must_fit_and_max_completion_tokens_is_a_bound() -> None:
    used = len(prompt("Hi"))
    with pytest.raises(ContextLengthExceeded, match=f"resulted in {used + 2_048} tokens"):
        await ask("Hi", max_tokens=2_048)
    assert await ask("Hi", max_tokens=None, max_completion_tokens=4_000, stop=[" ", ".", "!"])


async def test_without_a_limit_the_catalogs_window_ends_the_answer() -> None:
    known = call(context_window=len(prompt(QUESTION)) + 6)
    answer = await ask(QUESTION, max_tokens=None, known=known)
    assert answer["usage"]["completion_tokens"] == 6
    assert answer["choices"][0]["finish_reason"] == "length"


@pytest.mark.parametrize(
    ("name", "value"),
    [("store", True), ("service_tier", "flex"), ("modalities", ["text", "audio"])],
)
async def test_values_that_cannot_be_honoured_are_refused(name: str, value: Any) -> None:
    with pytest.raises(UnsupportedValue) as refusal:
        await ask("Hi", **{name: value})
    assert refusal.value.param == name


async def test_values_that_ask_for_nothing_are_accepted() -> None:
    plain: dict[str, Any] = {
        "store": False,
        "service_tier": "auto",
        "modalities": ["text"],
        "user": "u",
        "metadata": {"a": "b"},
        "prompt_cache_key": "k",
        "safety_identifier": "s",
        "reasoning_effort": None,
    }
    assert await said("Hi", **plain) == await said("Hi")


@pytest.mark.parametrize("name", ["reasoning_effort", "verbosity"])
async def test_parameters_that_cannot_be_honoured_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedParameter):
        await ask("Hi", **{name: "low"})
    with pytest.raises(UnknownParameter):
        await ask("Hi", **{f"{name}_x": "low"})


async def test_a_hang_up_frees_the_model_and_what_was_used_is_known() -> None:
    known = call()
    stream = backend().stream_chat(parse_chat(body_of(QUESTION, stream=True, max_tokens=1_500)), known)
    for _ in range(4):
        await anext(stream)
    await stream.aclose()
    assert await until(lambda: engine().queue.running == 0) < 2.0
    assert known.usage is not None
    assert known.usage.input_tokens == len(prompt(QUESTION))
    assert 0 < known.usage.output_tokens < 20


async def test_a_hang_up_on_a_whole_answer_frees_the_model() -> None:
    known = call()
    task = asyncio.create_task(backend().chat(parse_chat(body_of(QUESTION, max_tokens=1_500)), known))
    await until(lambda: known.usage is not None and known.usage.output_tokens > 2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await until(lambda: engine().queue.running == 0) < 2.0


async def test_a_full_queue_is_refused_and_a_hang_up_in_it_leaves_no_trace() -> None:
    long = parse_chat(body_of(QUESTION, max_tokens=1_500))
    tasks = [asyncio.create_task(backend().chat(long, call())) for _ in range(4)]
    await until(lambda: engine().queue.waiting == 2)
    with pytest.raises(Overloaded):
        await ask("Hi")
    for task in reversed(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await until(lambda: engine().queue.running == 0)
    assert engine().queue.waiting == 0
    assert await said("Hi")


async def test_embeddings_are_refused() -> None:
    with pytest.raises(UnsupportedValue, match="no embeddings"):
        await backend().vectors(EmbeddingRequest("lukhas-chat-1", ("text",), {}), call())


async def test_a_prompt_is_completed_as_it_is() -> None:
    known = call()
    answer = await complete("The sky is", known=known, temperature=0)
    assert answer["choices"][0]["text"].startswith(" ")
    assert answer["usage"]["prompt_tokens"] == 3
    assert answer["usage"]["completion_tokens"] == 4
    assert known.finish_reasons == ("length",)


async def test_choices_of_several_prompts_are_numbered_prompt_by_prompt() -> None:
    answer = await complete(["The sky is", "Two and two are"], n=2, echo=True)
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    starts = ["The sky is", "The sky is", "Two and two are", "Two and two are"]
    for choice, start in zip(answer["choices"], starts, strict=True):
        assert choice["text"].startswith(start)
    alone = await complete("Two and two are", echo=True, seed=2)
    assert answer["choices"][3]["text"] == alone["choices"][0]["text"]
    assert answer["usage"]["prompt_tokens"] == 7
    assert answer["usage"]["completion_tokens"] == 16


async def test_a_streamed_completion_says_what_the_whole_says() -> None:
    whole = await complete("The sky is", echo=True)
    body = {"model": "lukhas-chat-1", "prompt": "The sky is", "seed": 1, "max_tokens": 4, "echo": True, "stream": True}
    parts = await chunks(backend().stream_complete(parse_completion(body), call()))
    assert "".join(part["choices"][0]["text"] for part in parts) == whole["choices"][0]["text"]
    assert [part["choices"][0]["finish_reason"] for part in parts] == [None] * (len(parts) - 1) + ["length"]


async def test_the_end_of_a_text_ends_no_stream_of_characters_early() -> None:
    token = engine().server.tokenise("<|im_start|>", special=True)[0]
    answer = await complete("The sky is", logit_bias={str(token): 100})
    assert answer["choices"][0]["text"] == ""
    assert answer["usage"]["completion_tokens"] == 4


async def test_token_ids_are_those_of_the_declared_encoding() -> None:
    answer = await complete([[791, 13180, 374]], echo=True)
    assert answer["choices"][0]["text"].startswith("The sky is")
    with pytest.raises(InvalidValue) as refusal:
        await complete([[791, 2_000_000_000]])
    assert refusal.value.param == "prompt"
    with pytest.raises(InvalidValue) as refusal:
        await complete([[791], [2_000_000_000]])
    assert refusal.value.param == "prompt[1]"


async def test_without_a_prompt_a_document_begins() -> None:
    for empty in (None, ""):
        answer = await complete(empty, echo=empty is not None)
        assert answer["usage"]["prompt_tokens"] == 1
        assert answer["usage"]["completion_tokens"] == 4


async def test_no_tokens_with_echo_give_the_prompt_back() -> None:
    answer = await complete("The sky is", echo=True, max_tokens=0)
    assert answer["choices"][0]["text"] == "The sky is"
    assert answer["choices"][0]["finish_reason"] == "length"
    assert answer["usage"]["completion_tokens"] == 0


@pytest.mark.parametrize("top", [0, 2])
async def test_log_probabilities_of_completions_have_their_own_shape(top: int) -> None:
    choice = (await complete("The sky is", logprobs=top))["choices"][0]
    logprobs = choice["logprobs"]
    assert "".join(logprobs["tokens"]) == choice["text"]
    assert logprobs["text_offset"] == [len("".join(logprobs["tokens"][:at])) for at in range(4)]
    assert all(-9999 <= one <= 0 for one in logprobs["token_logprobs"])
    assert [len(one) for one in logprobs["top_logprobs"]] == [top] * 4


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"best_of": 2}, "best_of"), ({"suffix": "."}, "suffix"), ({"echo": True, "logprobs": 1}, "logprobs")],
)
async def test_completion_parameters_that_cannot_be_honoured_are_refused(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(UnsupportedParameter) as refusal:
        await complete("The sky is", **fields)
    assert refusal.value.param == param


async def test_a_completion_over_the_context_is_refused() -> None:
    with pytest.raises(ContextLengthExceeded) as refusal:
        await complete(["short", "word " * 2_046])
    assert refusal.value.param == "prompt"
