"""OpenAI's answer objects, as the specification has them: every required key, and the same told whole and in pieces."""

import base64
from typing import Any

import numpy as np
import orjson
from openai.types import Completion, CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from api import rendering
from api.backends.base import Delta, TextDelta, Usage, Vectors

HEAD: dict[str, Any] = {"id": "chatcmpl-1", "created": 1_750_000_000, "model": "m", "fingerprint": "fp_1"}
LOGPROB = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}


def call_piece(at: int, **fields: Any) -> tuple[dict[str, Any], ...]:
    return ({"index": at, **fields},)


def events(rendered: bytes) -> list[dict[str, Any]]:
    assert rendered.endswith(b"\n\n")
    return [orjson.loads(event.removeprefix(b"data: ")) for event in rendered.split(b"\n\n") if event]


def test_ids_are_typed_and_never_the_same() -> None:
    assert rendering.new_id("chatcmpl").startswith("chatcmpl-")
    assert len({rendering.new_id("cmpl") for _ in range(100)}) == 100


def test_a_whole_chat_answer_has_every_key_of_the_specification() -> None:
    deltas = [
        Delta(0, "Hel"),
        Delta(1, tool_calls=call_piece(1, id="c2", type="function", function={"name": "g", "arguments": "{}"})),
        Delta(0, "lo", logprobs=(LOGPROB,)),
        Delta(1, tool_calls=call_piece(0, id="c1", type="function", function={"name": "f", "arguments": '{"a"'})),
        Delta(1, tool_calls=call_piece(0, function={"arguments": ":1}"})),
        Delta(0, logprobs=(LOGPROB,), finish_reason="length"),
        Delta(1, finish_reason="tool_calls"),
    ]
    answer = rendering.chat_completion(**HEAD, deltas=deltas, choices=3, used=Usage(5, 7, 2))
    ChatCompletion.model_validate(answer, strict=True)
    text, calls, silent = answer["choices"]
    assert text["message"] == {"role": "assistant", "content": "Hello", "refusal": None, "annotations": []}
    assert text["logprobs"] == {"content": [LOGPROB, LOGPROB], "refusal": None}
    assert text["finish_reason"] == "length"
    assert calls["message"]["content"] is None
    assert [(one["id"], one["function"]) for one in calls["message"]["tool_calls"]] == [
        ("c1", {"name": "f", "arguments": '{"a":1}'}),
        ("c2", {"name": "g", "arguments": "{}"}),
    ]
    assert calls["logprobs"] is None
    assert (silent["message"]["content"], silent["finish_reason"]) == ("", "stop")
    assert answer["usage"]["total_tokens"] == 12
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 2
    assert answer["system_fingerprint"] == "fp_1"


def test_text_beside_calls_is_kept() -> None:
    piece = call_piece(0, id="c", type="function", function={"name": "f", "arguments": ""})
    answer = rendering.chat_completion(
        **HEAD, deltas=[Delta(0, "So: "), Delta(0, tool_calls=piece)], choices=1, used=Usage(1)
    )
    assert answer["choices"][0]["message"]["content"] == "So: "


def test_a_chat_stream_begins_each_choice_with_its_role_and_ends_it_with_its_reason() -> None:
    chunks = rendering.ChatChunks(**HEAD, include_usage=False)
    piece = call_piece(0, id="c", type="function", function={"name": "f", "arguments": ""})
    made = [
        *events(chunks.render(Delta(0, "Hi", logprobs=(LOGPROB,)))),
        *events(chunks.render(Delta(1, tool_calls=piece))),
        *events(chunks.render(Delta(0, "", logprobs=(LOGPROB,)))),
        *events(chunks.render(Delta(0, "!", finish_reason="stop"))),
    ]
    for chunk in made:
        ChatCompletionChunk.model_validate(chunk, strict=True)
        assert (chunk["id"], chunk["created"], chunk["model"]) == ("chatcmpl-1", 1_750_000_000, "m")
        assert "usage" not in chunk
    choices = [chunk["choices"][0] for chunk in made]
    assert [(one["index"], one["delta"], one["finish_reason"]) for one in choices] == [
        (0, {"role": "assistant", "content": "", "refusal": None}, None),
        (0, {"content": "Hi"}, None),
        (1, {"role": "assistant", "content": None, "refusal": None}, None),
        (1, {"tool_calls": list(piece)}, None),
        (0, {"content": ""}, None),
        (0, {"content": "!"}, None),
        (0, {}, "stop"),
    ]
    assert choices[1]["logprobs"] == choices[4]["logprobs"] == {"content": [LOGPROB], "refusal": None}
    assert choices[5]["logprobs"] is None


def test_a_delta_that_adds_nothing_is_no_chunk() -> None:
    chunks = rendering.ChatChunks(**HEAD, include_usage=False)
    assert len(events(chunks.render(Delta(0, "")))) == 1
    assert chunks.render(Delta(0, "")) == b""


def test_with_include_usage_every_chunk_says_null_and_the_last_has_no_choices() -> None:
    for chunks, delta in (
        (rendering.ChatChunks(**HEAD, include_usage=True), Delta(0, "Hi")),
        (rendering.TextChunks(**HEAD, include_usage=True), TextDelta(0, "Hi")),
    ):
        made = events(chunks.render(delta))
        assert all(chunk["usage"] is None for chunk in made)
        (last,) = events(chunks.usage(Usage(1, 2)))
        assert last["choices"] == []
        assert last["usage"]["total_tokens"] == 3


def test_a_whole_completion_joins_texts_and_log_probabilities() -> None:
    first = {"tokens": ["a"], "token_logprobs": [0.0], "top_logprobs": [{}], "text_offset": [0]}
    second = {"tokens": ["b"], "token_logprobs": [-1.0], "top_logprobs": [{"b": -1.0}], "text_offset": [1]}
    deltas = [
        TextDelta(0, "a", first),
        TextDelta(1, "x"),
        TextDelta(0, "b", second),
        TextDelta(0, finish_reason="length"),
    ]
    answer = rendering.text_completion(**HEAD, deltas=deltas, choices=2, used=Usage(1, 3))
    Completion.model_validate(answer, strict=True)
    assert answer["choices"][0] == {
        "text": "ab",
        "index": 0,
        "logprobs": {key: [*first[key], *second[key]] for key in first},
        "finish_reason": "length",
    }
    assert answer["choices"][1] == {"text": "x", "index": 1, "logprobs": None, "finish_reason": "stop"}


def test_a_completions_stream_has_a_null_reason_until_the_end() -> None:
    chunks = rendering.TextChunks(**HEAD, include_usage=False)
    made = [*events(chunks.render(TextDelta(1, "a"))), *events(chunks.render(TextDelta(1, "", None, "stop")))]
    assert [chunk["choices"][0] for chunk in made] == [
        {"text": "a", "index": 1, "logprobs": None, "finish_reason": None},
        {"text": "", "index": 1, "logprobs": None, "finish_reason": "stop"},
    ]
    assert made[0]["object"] == "text_completion"


def test_embeddings_are_numbers_or_little_endian_floats_in_base64() -> None:
    vectors = Vectors(np.array([[0.5, -0.25], [1, 0]], dtype=">f4"), 7)
    floats = orjson.loads(rendering.embeddings(vectors, model="m", encoding_format="float"))
    CreateEmbeddingResponse.model_validate(floats)
    assert [(row["index"], row["embedding"]) for row in floats["data"]] == [(0, [0.5, -0.25]), (1, [1.0, 0.0])]
    assert floats["usage"] == {"prompt_tokens": 7, "total_tokens": 7}
    coded = orjson.loads(rendering.embeddings(vectors, model="m", encoding_format="base64"))
    assert base64.b64decode(coded["data"][0]["embedding"]) == np.array([0.5, -0.25], "<f4").tobytes()
