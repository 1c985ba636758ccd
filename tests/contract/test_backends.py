"""What every backend promises, whoever answers: the echo, the embedded models, or another server."""

import concurrent.futures
import json
from typing import Any

import httpx
import jsonschema
import numpy as np
import pytest
from pytest_django import Settings

from api.engines.moderation import CATEGORIES
from tests.api.streams import chunks_of, text_of
from tests.contract.conftest import CHAT_MODELS, EMBEDDING_MODELS, MODERATION_MODELS, wait_until_idle

pytestmark = pytest.mark.usefixtures("loaded")

CHAT = "/v1/chat/completions"
COMPLETIONS = "/v1/completions"
every_chat_model = pytest.mark.parametrize("model", CHAT_MODELS)
SEEDED: dict[str, Any] = {"seed": 7, "temperature": 1.0, "max_tokens": 8}
CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 12}, "days": {"enum": [1, 2, 3]}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
WEATHER = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": CITY}}
STOCKS = {"type": "function", "function": {"name": "stocks", "parameters": {"type": "object", "properties": {}}}}


def chat(client: httpx.Client, model: str, content: str = "Name three colours.", **body: Any) -> httpx.Response:
    messages = body.pop("messages", [{"role": "user", "content": content}])
    return client.post(CHAT, json={"model": model, "messages": messages, **SEEDED, **body})


def complete(client: httpx.Client, model: str, prompt: Any = "The capital of France is", **body: Any) -> httpx.Response:
    return client.post(COMPLETIONS, json={"model": model, "prompt": prompt, **SEEDED, **body})


def content_of(answer: httpx.Response, index: int = 0) -> str:
    assert answer.status_code == 200, answer.text
    content: str = answer.json()["choices"][index]["message"]["content"]
    return content


@every_chat_model
class TestChat:
    def test_a_stream_and_a_whole_answer_say_the_same(self, client: httpx.Client, model: str) -> None:
        whole = chat(client, model)
        chunks = chunks_of(chat(client, model, stream=True, stream_options={"include_usage": True}))
        assert text_of(chunks) == content_of(whole) != ""
        assert chunks[-1]["usage"]["completion_tokens"] == whole.json()["usage"]["completion_tokens"]
        assert chunks[-1]["choices"] == []
        reasons = [one["finish_reason"] for chunk in chunks for one in chunk["choices"] if one["finish_reason"]]
        assert reasons == [whole.json()["choices"][0]["finish_reason"]]
        assert len({chunk["id"] for chunk in chunks}) == 1

    def test_usage_is_told_and_only_to_who_asks_in_a_stream(self, client: httpx.Client, model: str) -> None:
        used = chat(client, model).json()["usage"]
        assert used["prompt_tokens"] > 0
        assert 0 < used["completion_tokens"] <= 8
        assert used["total_tokens"] == used["prompt_tokens"] + used["completion_tokens"]
        assert not any(chunk.get("usage") for chunk in chunks_of(chat(client, model, stream=True)))

    def test_the_model_of_an_answer_is_the_catalogs(self, client: httpx.Client, model: str) -> None:
        assert chat(client, model).json()["model"] == model
        assert {chunk["model"] for chunk in chunks_of(chat(client, model, stream=True))} == {model}

    def test_the_same_seed_says_the_same_again(self, client: httpx.Client, model: str) -> None:
        first, second = chat(client, model, n=2), chat(client, model, n=2)
        assert [content_of(first, at) for at in (0, 1)] == [content_of(second, at) for at in (0, 1)]

    def test_n_choices_are_numbered_and_ended_each(self, client: httpx.Client, model: str) -> None:
        body = chat(client, model, n=3).json()
        assert [one["index"] for one in body["choices"]] == [0, 1, 2]
        chunks = chunks_of(chat(client, model, n=3, stream=True))
        for at in range(3):
            assert text_of(chunks, at) == body["choices"][at]["message"]["content"]

    @pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
    def test_the_length_is_kept_to(self, client: httpx.Client, model: str, name: str) -> None:
        answer = chat(client, model, "Count from one to one hundred.", **{"max_tokens": None, name: 3}).json()
        assert answer["usage"]["completion_tokens"] == 3
        assert answer["choices"][0]["finish_reason"] == "length"

    def test_a_stop_string_ends_the_answer_and_is_no_part_of_it(self, client: httpx.Client, model: str) -> None:
        full = content_of(chat(client, model))
        stop = full[3:6]
        answer = chat(client, model, stop=[stop, "\x00never"])
        assert content_of(answer) == full[: full.index(stop)]
        assert answer.json()["choices"][0]["finish_reason"] == "stop"
        assert text_of(chunks_of(chat(client, model, stop=stop, stream=True))) == full[: full.index(stop)]

    def test_logprobs_stand_beside_every_token(self, client: httpx.Client, model: str) -> None:
        body = chat(client, model, logprobs=True, top_logprobs=2, max_tokens=3).json()
        entries = body["choices"][0]["logprobs"]["content"]
        assert len(entries) == body["usage"]["completion_tokens"]
        assert "".join(entry["token"] for entry in entries) == body["choices"][0]["message"]["content"]
        for entry in entries:
            assert set(entry) == {"token", "logprob", "bytes", "top_logprobs"}
            assert entry["logprob"] <= 0
            assert bytes(entry["bytes"]).decode() == entry["token"]
        assert chat(client, model).json()["choices"][0]["logprobs"] is None

    def test_a_schema_is_satisfied(self, client: httpx.Client, model: str) -> None:
        form = {"type": "json_schema", "json_schema": {"name": "trip", "schema": CITY, "strict": True}}
        for stream in (False, True):
            answer = chat(client, model, "Paris, two days", response_format=form, max_tokens=60, stream=stream)
            text = text_of(chunks_of(answer)) if stream else content_of(answer)
            jsonschema.validate(json.loads(text), CITY)

    def test_json_is_an_object(self, client: httpx.Client, model: str) -> None:
        answer = chat(client, model, "Say hi as JSON", response_format={"type": "json_object"}, max_tokens=150)
        if answer.json()["choices"][0]["finish_reason"] == "stop":
            assert isinstance(json.loads(content_of(answer)), dict)
        assert content_of(answer).lstrip().startswith("{")

    @pytest.mark.parametrize(
        ("choice", "reason"),
        [({"type": "function", "function": {"name": "weather"}}, "stop"), ("required", "tool_calls")],
    )
    def test_a_forced_tool_is_called_with_arguments_that_fit(
        self, client: httpx.Client, model: str, choice: Any, reason: str
    ) -> None:
        body = {"tools": [WEATHER], "tool_choice": choice, "parallel_tool_calls": False, "max_tokens": 80}
        answer = chat(client, model, "The weather in Paris?", **body)
        assert answer.status_code == 200, answer.text
        (one,) = answer.json()["choices"]
        (call,) = one["message"]["tool_calls"]
        assert (call["type"], call["function"]["name"], one["finish_reason"]) == ("function", "weather", reason)
        assert call["id"].startswith("call_")
        jsonschema.validate(json.loads(call["function"]["arguments"]), CITY)
        pieces: list[Any] = []
        for chunk in chunks_of(chat(client, model, "The weather in Paris?", stream=True, **body)):
            for choice_ in chunk["choices"]:
                pieces += choice_["delta"].get("tool_calls") or []
        assert [piece["function"].get("name") for piece in pieces if "id" in piece] == ["weather"]
        assert "".join(piece["function"]["arguments"] for piece in pieces) == call["function"]["arguments"]

    def test_a_conversation_with_a_tools_result_goes_on_in_words(self, client: httpx.Client, model: str) -> None:
        messages = [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [{"type": "text", "text": "The weather in Paris?"}]},
            {
                "role": "assistant",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "sunny"},
        ]
        answer = chat(client, model, messages=messages, tools=[WEATHER, STOCKS], tool_choice="none")
        assert content_of(answer)

    def test_an_image_is_refused_where_it_stands(self, client: httpx.Client, model: str) -> None:
        parts = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
        answer = chat(client, model, messages=[{"role": "user", "content": parts}])
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "unsupported_value")
        assert error["param"] == "messages[0].content[0].type"

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("body", "code", "param"),
        [
            ({"audio": {"voice": "x"}}, "unsupported_parameter", "audio"),
            ({"colour": "red"}, "unknown_parameter", "colour"),
            ({"logit_bias": {"999999999": 1}}, "invalid_value", "logit_bias"),
            ({"store": True}, "unsupported_value", "store"),
            ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "unsupported_value", "tools[0].type"),
        ],
    )
    def test_an_error_before_the_first_piece_is_a_status(
        self, client: httpx.Client, model: str, stream: bool, body: Any, code: str, param: str
    ) -> None:
        answer = chat(client, model, stream=stream, **body)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (400, code, param)
        assert content_of(chat(client, model, max_tokens=1)) is not None

    @pytest.mark.parametrize("stream", [False, True])
    def test_a_caller_who_hangs_up_leaves_the_model_free(
        self, client: httpx.Client, settings: Settings, model: str, stream: bool
    ) -> None:
        settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.05
        with pytest.raises(httpx.ReadTimeout):
            client.post(
                CHAT,
                json={
                    "model": model,
                    "messages": [{"role": "user", "content": "Tell me a very long story. " * 20}],
                    "max_tokens": 1500,
                    "stream": stream,
                },
                timeout=httpx.Timeout(30, read=0.4 if not stream else 0.02),
            )
        wait_until_idle(15)  # of the 75 s that the whole story takes
        settings.LUKHAS_ECHO_CHUNK_SECONDS = 0
        assert content_of(chat(client, model))

    def test_many_callers_at_once_are_all_answered_alike(self, client: httpx.Client, model: str) -> None:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: chat(client, model, max_tokens=4), range(8)))
        assert {answer.status_code for answer in answers} == {200}
        assert all(content_of(answer) for answer in answers)


@every_chat_model
class TestCompletions:
    def test_a_stream_and_a_whole_answer_say_the_same(self, client: httpx.Client, model: str) -> None:
        whole = complete(client, model).json()
        chunks = chunks_of(complete(client, model, stream=True, stream_options={"include_usage": True}))
        assert text_of(chunks) == whole["choices"][0]["text"] != ""
        assert chunks[-1]["usage"]["completion_tokens"] == whole["usage"]["completion_tokens"]
        assert (whole["model"], whole["object"]) == (model, "text_completion")

    def test_choices_are_numbered_prompt_by_prompt_and_the_same_seed_repeats_them(
        self, client: httpx.Client, model: str
    ) -> None:
        bodies = [complete(client, model, ["One", "Two"], n=2, max_tokens=4).json() for _ in range(2)]
        assert [one["index"] for one in bodies[0]["choices"]] == [0, 1, 2, 3]
        assert [one["text"] for one in bodies[0]["choices"]] == [one["text"] for one in bodies[1]["choices"]]

    def test_token_ids_are_of_the_encoding_that_the_catalog_declares(self, client: httpx.Client, model: str) -> None:
        answers = [complete(client, model, prompt, max_tokens=4).json() for prompt in ("hello world", [15339, 1917])]
        assert answers[0]["choices"][0]["text"] == answers[1]["choices"][0]["text"]
        assert answers[0]["usage"]["prompt_tokens"] == answers[1]["usage"]["prompt_tokens"]

    def test_the_prompt_is_echoed(self, client: httpx.Client, model: str) -> None:
        plain = complete(client, model, max_tokens=4).json()["choices"][0]["text"]
        echoed = complete(client, model, max_tokens=4, echo=True)
        assert echoed.json()["choices"][0]["text"] == f"The capital of France is{plain}"

    def test_logprobs_have_the_shape_of_completions(self, client: httpx.Client, model: str) -> None:
        (one,) = complete(client, model, logprobs=2, max_tokens=4).json()["choices"]
        known = one["logprobs"]
        assert "".join(known["tokens"]) == one["text"]
        assert {len(values) for values in known.values()} == {len(known["tokens"])}
        at = 0
        for token, offset in zip(known["tokens"], known["text_offset"], strict=True):
            assert offset == at
            at += len(token)

    def test_a_stop_string_ends_the_text(self, client: httpx.Client, model: str) -> None:
        full = complete(client, model).json()["choices"][0]["text"]
        answer = complete(client, model, stop=full[3:5]).json()["choices"][0]
        assert (answer["text"], answer["finish_reason"]) == (full[: full.index(full[3:5])], "stop")

    @pytest.mark.parametrize("stream", [False, True])
    @pytest.mark.parametrize(
        ("body", "param"),
        [({"suffix": "x"}, "suffix"), ({"best_of": 2}, "best_of"), ({"echo": True, "logprobs": 1}, "logprobs")],
    )
    def test_what_cannot_be_honoured_is_a_status(
        self, client: httpx.Client, model: str, stream: bool, body: Any, param: str
    ) -> None:
        answer = complete(client, model, stream=stream, **body)
        error = answer.json()["error"]
        assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_parameter", param)


@pytest.mark.parametrize("model", EMBEDDING_MODELS)
class TestEmbeddings:
    def test_vectors_are_of_unit_length_in_the_order_of_the_inputs(self, client: httpx.Client, model: str) -> None:
        texts = [f"text {at}" for at in range(20)]
        body = client.post("/v1/embeddings", json={"model": model, "input": texts}).json()
        rows = np.array([row["embedding"] for row in body["data"]])
        assert [row["index"] for row in body["data"]] == list(range(20))
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-4)
        alone = client.post("/v1/embeddings", json={"model": model, "input": texts[7]}).json()["data"][0]["embedding"]
        assert np.allclose(rows[7], alone, atol=1e-5)
        assert (body["model"], body["usage"]["prompt_tokens"]) == (model, body["usage"]["total_tokens"])
        assert body["usage"]["prompt_tokens"] >= 40

    def test_an_unknown_parameter_and_an_unknown_token_are_refused(self, client: httpx.Client, model: str) -> None:
        for body, code in (({"input": "a", "colour": 1}, "unknown_parameter"), ({"input": [999_999]}, "invalid_value")):
            answer = client.post("/v1/embeddings", json={"model": model, **body})
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


@pytest.mark.parametrize("model", MODERATION_MODELS)
class TestModerations:
    def test_each_text_has_a_result_of_the_specifications_shape_in_its_place(
        self, client: httpx.Client, model: str
    ) -> None:
        texts = ["What a nice day.", "I am going to kill you: harassment/threatening.", "What a nice night."]
        body = client.post("/v1/moderations", json={"model": model, "input": texts}).json()
        assert (set(body), body["model"]) == ({"id", "model", "results"}, model)
        assert [result["flagged"] for result in body["results"]] == [False, True, False]
        for result in body["results"]:
            assert set(result["categories"]) == set(result["category_scores"]) == set(CATEGORIES)
            assert set(result["category_applied_input_types"]) == set(CATEGORIES)
            assert result["flagged"] == any(result["categories"].values())
            assert all(0 <= score <= 1 for score in result["category_scores"].values())
        alone = client.post("/v1/moderations", json={"model": model, "input": texts[1]}).json()["results"][0]
        assert alone["categories"] == body["results"][1]["categories"]

    def test_an_image_and_an_unknown_parameter_are_refused_by_name(self, client: httpx.Client, model: str) -> None:
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
        for body, code, param in (
            ({"input": [image]}, "unsupported_value", "input[0].type"),
            ({"input": "a", "colour": 1}, "unknown_parameter", "colour"),
        ):
            error = client.post("/v1/moderations", json={"model": model, **body}).json()["error"]
            assert (error["code"], error["param"]) == (code, param)
