"""POST /v1/responses on the wire, with the echo behind it."""

import time
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from analytics import usage
from analytics.models import Refused, UsageRecord
from api.backends.echo import EchoBackend
from api.exceptions import APIError
from api.parameters import RESPONSES
from tests import openapi
from tests.api.people import check_who_is_served
from tests.api.streams import events_of
from tests.conftest import MakeKey
from tests.processes import eventually

PATH = "/v1/responses"
ECHO = "lukhas-echo-1"
HELLO: dict[str, Any] = {"model": ECHO, "input": "Hello, world"}
LONG: dict[str, Any] = {"model": ECHO, "input": "word " * 40, "max_output_tokens": 16}
WEATHER: dict[str, Any] = {
    "type": "function",
    "name": "weather",
    "description": "The weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": True,
}

IMAGE = {"type": "input_image", "image_url": "https://x.example/a.png"}
CALL = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "sunny"}


def schema(kind: str) -> dict[str, Any]:
    """The schema of an answer's or an event's, as the document has it."""
    answers = openapi.document()["paths"][PATH]["post"]["responses"]["200"]["content"]
    found: dict[str, Any] = answers[kind]["schema"]
    return found


def ask(client: httpx.Client, **body: Any) -> dict[str, Any]:
    """A whole answer, of the shape that the document has for it."""
    answer = client.post(PATH, json={**HELLO, **body})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    openapi.check(told, schema("application/json"))
    return told


def stream(client: httpx.Client, **body: Any) -> list[dict[str, Any]]:
    """The events of a streamed answer, each of the shape that the document has for it."""
    events = events_of(client.post(PATH, json={**HELLO, **body, "stream": True}))
    for event in events:
        openapi.check(event, schema("text/event-stream"))
    return events


def timeless(response: dict[str, Any]) -> dict[str, Any]:
    """A response but for what is another one each time."""
    output = [{name: value for name, value in item.items() if name != "id"} for item in response["output"]]
    return {name: value for name, value in response.items() if name not in ("id", "created_at", "completed_at")} | {
        "output": output
    }


def test_whoever_has_a_key_with_the_scope_is_answered(anonymous: httpx.Client, make_key: MakeKey) -> None:
    check_who_is_served(anonymous, make_key, "model.request", "POST", PATH, json=HELLO)


def test_the_scope_for_stored_responses_does_not_open_it(anonymous: httpx.Client, make_key: MakeKey) -> None:
    headers = {"Authorization": f"Bearer {make_key(scopes=['responses.write'])}"}
    refused = anonymous.post(PATH, json=HELLO, headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "insufficient_permissions")


def test_an_input_is_answered_in_the_specifications_shape(client: httpx.Client) -> None:
    told = ask(client)
    (message,) = told["output"]
    assert told["id"].startswith("resp_")
    assert message["id"].startswith("msg_")
    assert abs(told["created_at"] - time.time()) < 60
    assert told["created_at"] <= told["completed_at"]
    assert timeless(told) == {
        "object": "response",
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": ECHO,
        "output": [
            {
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Hello, world", "annotations": [], "logprobs": []}],
            }
        ],
        "service_tier": "default",
        "background": False,
        "instructions": None,
        "max_output_tokens": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "store": False,
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": None,
        "truncation": "disabled",
        "usage": {
            "input_tokens": 3,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 6,
        },
    }


def test_what_was_asked_is_repeated(client: httpx.Client) -> None:
    form = {"type": "json_schema", "name": "n", "schema": {"type": "object"}, "strict": False}
    asked: dict[str, Any] = {
        "instructions": "Be brief.",
        "max_output_tokens": 64,
        "metadata": {"a": "b"},
        "parallel_tool_calls": False,
        "prompt_cache_key": "k",
        "prompt_cache_retention": "24h",
        "safety_identifier": "s",
        "temperature": 0.5,
        "text": {"format": form, "verbosity": "low"},
        "tool_choice": {"type": "function", "name": "weather"},
        "tools": [WEATHER],
        "top_logprobs": 3,
        "top_p": 0.9,
        "user": "u",
    }
    told = ask(client, **asked, reasoning={"effort": "low"}, store=False, truncation="disabled", background=False)
    assert {name: told[name] for name in asked} == asked
    assert told["reasoning"] == {"effort": "low", "summary": None}
    bare = ask(client, tools=[{"type": "function", "name": "f"}])
    assert bare["tools"] == [
        {"type": "function", "name": "f", "description": None, "parameters": None, "strict": False}
    ]


def test_null_is_as_good_as_nothing(client: httpx.Client) -> None:
    assert timeless(ask(client, **dict.fromkeys(RESPONSES - {"model", "input"}))) == timeless(ask(client))


class TestStream:
    def test_a_text_comes_in_the_specifications_order(self, client: httpx.Client) -> None:
        events = stream(client)
        assert [event["type"] for event in events] == [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            *["response.output_text.delta"] * 3,
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
        deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
        assert "".join(deltas) == events[7]["text"] == events[8]["part"]["text"] == "Hello, world"
        assert events[0]["response"] == events[1]["response"]
        assert (events[0]["response"]["status"], events[0]["response"]["output"]) == ("in_progress", [])
        assert "usage" not in events[0]["response"]
        final = events[-1]["response"]
        assert final["output"] == [events[9]["item"]]
        assert {event["item_id"] for event in events if "item_id" in event} == {final["output"][0]["id"]}
        assert {event["response"]["id"] for event in events if "response" in event} == {final["id"]}

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"input": ""},
            LONG,
            {"tools": [WEATHER], "tool_choice": "required"},
            {"text": {"format": {"type": "json_object"}}},
            {"include": ["message.output_text.logprobs"], "top_logprobs": 1},
        ],
    )
    def test_it_and_a_whole_answer_say_the_same(self, client: httpx.Client, body: dict[str, Any]) -> None:
        assert timeless(stream(client, **body)[-1]["response"]) == timeless(ask(client, **body))

    def test_calls_come_one_after_the_other(self, client: httpx.Client) -> None:
        time_of = {**WEATHER, "name": "time"}
        events = stream(client, input="weather and time", tools=[WEATHER, time_of])
        kinds = [event["type"].removeprefix("response.") for event in events]
        one = ["output_item.added", "function_call_arguments.done", "output_item.done"]
        assert [kind for kind in kinds if kind != "function_call_arguments.delta"] == [
            "created",
            "in_progress",
            *one,
            *one,
            "completed",
        ]
        calls = events[-1]["response"]["output"]
        for at, (call, name) in enumerate(zip(calls, ("weather", "time"), strict=True)):
            mine = [event for event in events if event.get("output_index") == at]
            deltas = "".join(event.get("delta", "") for event in mine)
            assert (call["name"], call["arguments"]) == (name, deltas)
            assert deltas == mine[-2]["arguments"] == '{"city":"weather and time"}'
            assert (mine[0]["item"]["arguments"], mine[-1]["item"]) == ("", call)

    def test_it_arrives_while_it_is_made_and_tells_that_it_is_alive(
        self, client: httpx.Client, settings: Settings
    ) -> None:
        settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.1
        settings.LUKHAS_STREAM_PING_SECONDS = 0.03
        with client.stream("POST", PATH, json={**HELLO, "stream": True}) as answer:
            lines = [(time.monotonic(), line) for line in answer.iter_lines() if line]
        assert lines[-1][0] - lines[0][0] > 0.1
        assert ": ping" in [line for _, line in lines]

    def test_what_goes_wrong_later_is_told_by_its_last_events_and_on_the_books(
        self, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        whole = EchoBackend.chat_deltas

        async def breaking(self: Any, request: Any, call: Any) -> Any:
            async for delta in whole(self, request, call):
                yield delta
                raise APIError("Out of memory.", code="oom", param="messages[0].content")

        monkeypatch.setattr(EchoBackend, "chat_deltas", breaking)
        answer = client.post(PATH, json={**HELLO, "stream": True})
        *_, delta, error, failed = events_of(answer)
        assert delta["delta"] == "Hello"
        assert {name: error[name] for name in ("type", "code", "message", "param")} == {
            "type": "error",
            "code": "oom",
            "message": "Out of memory.",
            "param": "input",
        }
        assert failed["type"] == "response.failed"
        assert (failed["response"]["status"], failed["response"]["error"]) == (
            "failed",
            {"code": "server_error", "message": "Out of memory."},
        )
        (item,) = failed["response"]["output"]
        assert (item["status"], item["content"][0]["text"]) == ("incomplete", "Hello")
        openapi.check(failed, schema("text/event-stream"))
        row = recorded(answer)
        assert (row.endpoint, row.status, row.error_code, row.stream) == (PATH, 500, "oom", True)


def recorded(answer: httpx.Response) -> UsageRecord:
    usage.flush()
    return UsageRecord.objects.get(request_id=answer.headers["x-request-id"])


class TestEnds:
    def test_an_answer_that_reaches_its_length_is_incomplete(self, client: httpx.Client) -> None:
        told = ask(client, **LONG)
        assert (told["status"], told["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
        assert (told["output"][0]["status"], told["usage"]["output_tokens"]) == ("incomplete", 16)
        assert told["completed_at"] is None
        assert stream(client, **LONG)[-1]["type"] == "response.incomplete"

    def test_so_is_a_call_that_does(self, client: httpx.Client) -> None:
        called = {**LONG, "tools": [WEATHER], "tool_choice": "required"}
        told = ask(client, **called)
        assert (told["status"], told["output"][0]["status"]) == ("incomplete", "incomplete")
        assert stream(client, **called)[-2]["item"]["status"] == "incomplete"

    def test_what_was_used_until_the_caller_hung_up_is_recorded(self, client: httpx.Client, settings: Settings) -> None:
        settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.05
        asked = {"model": ECHO, "input": "word " * 2_000, "stream": True}
        with client.stream("POST", PATH, json=asked) as answer:
            next(answer.iter_lines())
        row: UsageRecord = eventually(UsageRecord.objects.first, 10, "it is recorded")
        assert (row.endpoint, row.status, row.input_tokens > 1_000) == (PATH, 499, True)
        assert 0 < row.output_tokens < 1_000


class TestLogprobs:
    @pytest.mark.parametrize(
        ("asked", "alternatives"),
        [
            ({"include": ["message.output_text.logprobs"]}, 0),
            ({"top_logprobs": 1}, 1),
            ({"include": ["message.output_text.logprobs"], "top_logprobs": 1}, 1),
        ],
    )
    def test_they_come_with_the_text_and_its_pieces(
        self, client: httpx.Client, asked: dict[str, Any], alternatives: int
    ) -> None:
        known = ask(client, **asked)["output"][0]["content"][0]["logprobs"]
        assert [entry["token"] for entry in known] == ["Hello", ",", " world"]
        assert known[0]["bytes"] == [*b"Hello"]
        assert {len(entry["top_logprobs"]) for entry in known} == {alternatives}
        events = stream(client, **asked)
        deltas = [event["logprobs"] for event in events if event["type"] == "response.output_text.delta"]
        brief = [
            {
                "token": entry["token"],
                "logprob": entry["logprob"],
                "top_logprobs": [{"token": one["token"], "logprob": one["logprob"]} for one in entry["top_logprobs"]],
            }
            for entry in known
        ]
        assert [entry for delta in deltas for entry in delta] == brief
        assert next(event for event in events if event["type"] == "response.output_text.done")["logprobs"] == brief

    def test_nobody_gets_them_unasked(self, client: httpx.Client) -> None:
        for asked in ({}, {"include": []}, {"top_logprobs": 0}):
            assert ask(client, **asked)["output"][0]["content"][0]["logprobs"] == []


class TestTools:
    def test_a_call_goes_there_and_its_output_back(self, client: httpx.Client) -> None:
        first = ask(client, input="weather", tools=[WEATHER])
        (call,) = first["output"]
        assert (call["type"], call["name"], call["status"]) == ("function_call", "weather", "completed")
        assert call["id"].startswith("fc_")
        assert call["call_id"].startswith("call_")
        result = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
        turns = [{"role": "user", "content": "weather"}, *first["output"], result]
        (message,) = ask(client, input=turns, tools=[WEATHER])["output"]
        assert message["content"][0]["text"] == "sunny"

    def test_none_is_called_where_the_caller_says_so(self, client: httpx.Client) -> None:
        (item,) = ask(client, input="weather", tools=[WEATHER], tool_choice="none")["output"]
        assert item["type"] == "message"

    def test_without_any_the_choice_may_still_be_auto_or_none(self, client: httpx.Client) -> None:
        for choice in ("auto", "none"):
            assert ask(client, tool_choice=choice, tools=[], parallel_tool_calls=True)["tool_choice"] == choice


def test_json_is_held_to_its_schema(client: httpx.Client) -> None:
    form = {
        "type": "json_schema",
        "name": "n",
        "schema": {"type": "object", "properties": {"a": {"const": 5}}, "required": ["a"]},
        "strict": True,
    }
    (item,) = ask(client, text={"format": form})["output"]
    assert item["content"][0]["text"] == '{"a":5}'


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"store": True}, "store"),
    ({"background": True}, "background"),
    ({"truncation": "auto"}, "truncation"),
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"conversation": {"id": "conv_1"}}, "conversation"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"context_management": [{"type": "compaction"}]}, "context_management"),
    ({"max_tool_calls": 1}, "max_tool_calls"),
    ({"moderation": {"model": "m"}}, "moderation"),
    ({"include": ["message.output_text.logprobs", "reasoning.encrypted_content"]}, "include[1]"),
    ({"reasoning": {"summary": "auto"}}, "reasoning.summary"),
    ({"reasoning": {"generate_summary": "auto"}}, "reasoning.generate_summary"),
    ({"tool_choice": {"type": "web_search_preview"}}, "tool_choice.type"),
    ({"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}}, "tool_choice.type"),
    *(
        ({"tools": [WEATHER, {"type": kind}]}, "tools[1].type")
        for kind in (
            "web_search", "web_search_preview", "file_search", "mcp", "computer_use_preview", "code_interpreter",
            "image_generation", "local_shell", "shell", "apply_patch", "custom", "namespace", "tool_search",
        )
    ),
    ({"tools": [{**WEATHER, "defer_loading": True}]}, "tools[0].defer_loading"),
    ({"tools": [{**WEATHER, "output_schema": {"type": "object"}}]}, "tools[0].output_schema"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
    ({"input": [{"id": "msg_1"}]}, "input[0].type"),
    ({"input": [{"role": "user", "content": "x"}, {"type": "web_search_call", "id": "ws_1"}]}, "input[1].type"),
    (
        {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "", "namespace": "n"}]},
        "input[0].namespace",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}]},
        "input[0].content[0].file_id",
    ),
    (
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://x.example"}]}]},
        "input[0].content[0].file_url",
    ),
]  # fmt: skip


def test_what_cannot_be_honoured_is_refused_by_name(client: httpx.Client) -> None:
    for body, param in REFUSED:
        for streamed in (False, True):
            answer = client.post(PATH, json={**HELLO, **body, "stream": streamed})
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_parameter", param)
            assert error["message"].startswith("Unsupported parameter: ")


def test_what_never_reached_a_model_is_counted_with_the_refused(client: httpx.Client) -> None:
    client.post(PATH, json={**HELLO, "store": True})
    usage.flush()
    found = Refused.objects.get(endpoint=PATH)
    assert (found.reason, found.count) == ("unsupported_parameter", 1)
    assert not UsageRecord.objects.exists()


BY_MODEL: list[tuple[dict[str, Any], str, str]] = [
    ({"colour": 1}, "unknown_parameter", "colour"),
    (
        {"input": [{"role": "user", "content": "x"}, {"role": "user", "content": [IMAGE]}]},
        "unsupported_value",
        "input[1].content[0].type",
    ),
    (
        {"instructions": "x", "input": [CALL, {**OUTPUT, "output": [{"type": "input_text", "text": "x"}, IMAGE]}]},
        "unsupported_value",
        "input[1].output[1].type",
    ),
    (
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"not": {}}}}},
        "invalid_value",
        "text.format.schema",
    ),
    (
        {"tools": [{**WEATHER, "parameters": {"type": "string"}}], "tool_choice": "required"},
        "invalid_value",
        "tools[0].parameters",
    ),
]


def test_what_the_model_refuses_is_named_as_the_caller_wrote_it(client: httpx.Client) -> None:
    for body, code, param in BY_MODEL:
        for streamed in (False, True):
            answer = client.post(PATH, json={**HELLO, **body, "stream": streamed})
            error = answer.json()["error"]
            assert (answer.status_code, error["code"], error["param"]) == (400, code, param)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "resp_1"),
        ("DELETE", "resp_1"),
        ("POST", "resp_1/cancel"),
        ("GET", "resp_1/input_items"),
        ("POST", "input_tokens"),
        ("POST", "compact"),
    ],
)
def test_nothing_is_stored_so_nothing_can_be_looked_up(client: httpx.Client, method: str, path: str) -> None:
    answer = client.request(method, f"{PATH}/{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"] == f"Invalid URL ({method} {PATH}/{path})"
