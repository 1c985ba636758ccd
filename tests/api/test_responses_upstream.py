"""Responses by other servers, which answer chats in many ways: what they are asked, what becomes of what they say."""

import itertools
import json
from collections.abc import Callable, Iterable
from typing import Any

import httpx
import orjson
import pytest

from analytics import usage
from analytics.models import UsageRecord
from api import pauses
from api.breakers import breakers
from api.models import Deployment, Fallback, Model, Upstream
from tests.api.commands import run
from tests.api.streams import events_of
from tests.mock_upstream import MODEL, USAGE, MockUpstream

PATH = "/v1/responses"
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
Ask = Callable[..., httpx.Response]


@pytest.fixture(autouse=True)
def added(upstream: MockUpstream, database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pauses, "SHORTEST_SECONDS", 0.001)
    run("add_upstream", "gpu", upstream.url)
    prices = ("--input-price", "1000", "--cached-input-price", "500", "--output-price", "1000")
    run("add_model", "big", "--upstream", "gpu", "--upstream-model", MODEL, *prices)


@pytest.fixture
def ask(client: httpx.Client) -> Ask:
    def ask(**body: Any) -> httpx.Response:
        return client.post(PATH, json={"model": "big", "input": "Hi", **body})

    return ask


def recorded(answer: httpx.Response) -> UsageRecord:
    usage.flush()
    return UsageRecord.objects.get(request_id=answer.headers["x-request-id"])


def whole(upstream: MockUpstream, message: Any, reason: Any = "stop", **more: Any) -> None:
    """From now on the mock says this."""
    choice = {"index": 0, "message": message, "finish_reason": reason, **more}
    upstream.reply(orjson.dumps({"id": "chatcmpl-1", "model": MODEL, "choices": [choice], "usage": USAGE}))


def pieces(upstream: MockUpstream, deltas: Iterable[Any], reason: Any = "stop", **more: Any) -> None:
    """From now on the mock says this as a stream, a delta at a time."""
    choices = [{"index": 0, "delta": delta, "finish_reason": None, **more} for delta in deltas]
    ends = [{"index": 0, "delta": {}, "finish_reason": reason}]
    chunks = [{"id": "chatcmpl-1", "model": MODEL, "choices": [choice]} for choice in [*choices, *ends]]
    told = [*chunks, {"id": "chatcmpl-1", "model": MODEL, "choices": [], "usage": USAGE}]
    upstream.stream([b"".join(b"data: %b\n\n" % orjson.dumps(chunk) for chunk in told) + b"data: [DONE]\n\n"])


def output_of(answer: httpx.Response) -> list[dict[str, Any]]:
    """What an answer, whole or as a stream, put out, without the ids of the items."""
    streamed = answer.headers["content-type"].startswith("text/event-stream")
    told = events_of(answer)[-1]["response"] if streamed else answer.json()
    return [{name: value for name, value in item.items() if name != "id"} for item in told["output"]]


def message(*content: Any, status: str = "completed") -> dict[str, Any]:
    return {"type": "message", "status": status, "role": "assistant", "content": [*content]}


def text(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": [], "logprobs": []}


def called(id: str = "call_1", arguments: str = '{"a":1}', name: str = "f") -> dict[str, Any]:
    return {"type": "function_call", "status": "completed", "arguments": arguments, "call_id": id, "name": name}


def refusal(said: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": said}


class TestAsking:
    def test_a_chat_is_asked_for_whatever_the_upstream_knows_of_responses(
        self, ask: Ask, upstream: MockUpstream
    ) -> None:
        answer = ask(instructions="Be brief.", max_output_tokens=20, metadata={"a": "b"}, store=False, top_k=5)
        assert answer.json()["model"] == "big"
        assert (answer.headers["x-lukhas-upstream"], answer.headers["x-lukhas-attempts"]) == ("gpu", "1")
        assert upstream.last.path == "chat/completions"
        assert upstream.last.body == {
            "model": MODEL,
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
            "max_completion_tokens": 20,
            "top_k": 5,
        }

    def test_a_streamed_one_tells_its_usage_whatever_the_caller_says_of_streams(
        self, ask: Ask, upstream: MockUpstream
    ) -> None:
        events = events_of(ask(stream=True, stream_options={"include_obfuscation": True}))
        assert upstream.last.body["stream_options"] == {"include_usage": True}
        assert events[-1]["response"]["usage"] == {
            "input_tokens": 7,
            "input_tokens_details": {"cached_tokens": 2, "cache_write_tokens": 0},
            "output_tokens": 3,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": 10,
        }

    def test_default_parameters_of_the_model_hold_for_it_too(self, ask: Ask, upstream: MockUpstream) -> None:
        Model.objects.filter(model_id="big").update(default_parameters={"max_tokens": 50, "seed": 3})
        ask()
        assert (upstream.last.body["max_tokens"], upstream.last.body["seed"]) == (50, 3)
        ask(max_output_tokens=20)
        assert upstream.last.body["max_completion_tokens"] == 20
        assert "max_tokens" not in upstream.last.body

    @pytest.mark.parametrize("stream", [False, True])
    def test_it_is_on_the_books(self, ask: Ask, stream: bool) -> None:
        row = recorded(ask(stream=stream))
        assert (row.endpoint, row.model, row.upstream, row.status, row.stream) == (PATH, "big", "gpu", 200, stream)
        assert (row.input_tokens, row.cached_tokens, row.output_tokens, row.estimated) == (7, 2, 3, False)
        assert row.cost_micro == 5 * 1000 + 2 * 500 + 3 * 1000

    def test_where_nobody_tells_the_usage_it_is_estimated_as_a_chats_and_the_answer_tells_none(
        self, client: httpx.Client, ask: Ask, upstream: MockUpstream
    ) -> None:
        upstream.mode = "no-usage"
        answer = ask()
        assert "usage" not in answer.json()
        assert recorded(answer).estimated
        upstream.stream([b'data: {"choices": [{"delta": {"content": "Hi"}}]}\n\ndata: [DONE]\n\n'])
        answer = ask(stream=True)
        assert "usage" not in events_of(answer)[-1]["response"]
        hello = [{"role": "user", "content": "Hi"}]
        chat = client.post("/v1/chat/completions", json={"model": "big", "messages": hello, "stream": True})
        rows = [recorded(one) for one in (answer, chat)]
        used = {(row.estimated, row.input_tokens, row.output_tokens) for row in rows}
        assert used == {(True, rows[1].input_tokens, 1)}


SAID: list[tuple[Any, list[Any]]] = [
    ({"role": "assistant", "content": "Hi"}, [message(text("Hi"))]),
    ({"content": ""}, [message(text(""))]),
    ({"content": None}, [message(text(""))]),
    ({}, [message(text(""))]),
    ({"content": "Hi", "refusal": None, "tool_calls": None}, [message(text("Hi"))]),
    ({"content": "Hi", "tool_calls": []}, [message(text("Hi"))]),
    ({"content": None, "refusal": "No."}, [message(refusal("No."))]),
    ({"content": "Well.", "refusal": "No."}, [message(text("Well."), refusal("No."))]),
    ({"content": None, "tool_calls": [CALL]}, [called()]),
    ({"content": "Let me see.", "tool_calls": [CALL]}, [message(text("Let me see.")), called()]),
    ({"tool_calls": [CALL, {**CALL, "id": "call_2"}]}, [called(), called("call_2")]),
    ({"tool_calls": [{**CALL, "index": 0}, {**CALL, "id": "call_2", "index": 0}]}, [called(), called("call_2")]),
    ({"tool_calls": [{"id": "call_1", "function": {"name": "f"}}]}, [called(arguments="")]),
]


def test_what_a_chat_says_is_put_out_whole_and_streamed(ask: Ask, upstream: MockUpstream) -> None:
    for said, output in SAID:
        whole(upstream, said)
        assert (said, output_of(ask())) == (said, output)
        pieces(upstream, [said])
        assert (said, output_of(ask(stream=True))) == (said, output)


def test_a_call_without_an_id_gets_one(ask: Ask, upstream: MockUpstream) -> None:
    said = {"tool_calls": [{"type": "function", "function": {"name": "f", "arguments": "{}"}}]}
    whole(upstream, said)
    assert output_of(ask())[0]["call_id"].startswith("call_")
    pieces(upstream, [said])
    assert output_of(ask(stream=True))[0]["call_id"].startswith("call_")


def test_why_it_ended_is_its_status(ask: Ask, upstream: MockUpstream) -> None:
    for reason, status, details in (
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
        ("stop", "completed", None),
        ("tool_calls", "completed", None),
        ("anything", "completed", None),
        (None, "completed", None),
    ):
        whole(upstream, {"content": "Hi"}, reason)
        told = ask().json()
        pieces(upstream, [{"content": "Hi"}], reason)
        *_, last = events_of(ask(stream=True))
        assert last["type"] == f"response.{status}"
        for response in (told, last["response"]):
            item = response["output"][0]
            assert (response["status"], response["incomplete_details"], item["status"]) == (status, details, status)


def test_a_service_tier_is_told_where_it_is_one(ask: Ask, upstream: MockUpstream) -> None:
    choice = {"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}
    for tier, told in (("flex", "flex"), ("standard", None), (5, None), ([], None), (None, None)):
        upstream.reply(orjson.dumps({"model": MODEL, "choices": [choice], "service_tier": tier}))
        assert (tier, ask().json()["service_tier"]) == (tier, told)


class TestStream:
    def test_a_refusal_has_events_of_its_own(self, ask: Ask, upstream: MockUpstream) -> None:
        pieces(upstream, [{"content": "Well."}, {"refusal": "No"}, {"refusal": ", no."}])
        events = events_of(ask(stream=True))
        assert [event["type"].removeprefix("response.") for event in events[3:-2]] == [
            "content_part.added",
            "output_text.delta",
            "output_text.done",
            "content_part.done",
            "content_part.added",
            "refusal.delta",
            "refusal.delta",
            "refusal.done",
            "content_part.done",
        ]
        assert [event["content_index"] for event in events[3:-2]] == [0] * 4 + [1] * 5
        assert (events[-4]["refusal"], events[-3]["part"]) == ("No, no.", refusal("No, no."))
        assert "logprobs" not in events[-4]

    def test_a_call_comes_in_pieces_after_the_text(self, ask: Ask, upstream: MockUpstream) -> None:
        first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
        rest = [{"index": 0, "function": {"arguments": part}} for part in ('{"a"', ":1}")]
        second = {"index": 1, "id": "call_2", "function": {"name": "g", "arguments": "{}"}}
        deltas = [{"content": "Let me see."}, *({"tool_calls": [one]} for one in (first, *rest, second))]
        pieces(upstream, deltas, "tool_calls")
        answer = ask(stream=True)
        assert output_of(answer) == [
            message(text("Let me see.")),
            called(),
            called("call_2", "{}", "g"),
        ]
        assert [event["type"].removeprefix("response.") for event in events_of(answer)[5:]] == [
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "output_item.added",
            "function_call_arguments.delta",
            "function_call_arguments.done",
            "output_item.done",
            "completed",
        ]

    def test_pieces_of_a_call_may_repeat_what_it_is(self, ask: Ask, upstream: MockUpstream) -> None:
        pieces(
            upstream,
            [
                {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": '{"a"'}}]},
                {"tool_calls": [{"index": 0, "id": "call_1", "function": {"name": "f", "arguments": ":1}"}}]},
                {"tool_calls": [{"index": 0, "id": "call_9", "function": {"arguments": None}}]},
            ],
        )
        assert output_of(ask(stream=True)) == [called()]

    def test_a_text_after_a_call_is_a_message_of_its_own(self, ask: Ask, upstream: MockUpstream) -> None:
        pieces(upstream, [{"tool_calls": [{**CALL, "index": 0}]}, {"content": "Done."}])
        assert output_of(ask(stream=True)) == [called(), message(text("Done."))]

    def test_chunks_that_say_nothing_are_no_events(self, ask: Ask, upstream: MockUpstream) -> None:
        upstream.stream(
            [
                b'data: {"choices": [], "prompt_filter_results": []}\n\ndata: {"object": "ping"}\n\n',
                b'data: {"choices": [{"index": 0, "delta": null}]}\n\ndata: [DONE]\n\n',
            ]
        )
        events = events_of(ask(stream=True))
        kinds = [event["type"] for event in events]
        assert kinds[:3] == ["response.created", "response.in_progress", "response.output_item.added"]
        assert kinds[-1] == "response.completed"
        upstream.stream([b"data: [DONE]\n\n"])
        assert [event["type"] for event in events_of(ask(stream=True))] == kinds

    def test_logprobs_are_the_upstreams_and_only_for_who_asked(self, ask: Ask, upstream: MockUpstream) -> None:
        other = {"token": "Hö", "logprob": -2, "bytes": None}
        entry = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": [other]}
        read = {**entry, "top_logprobs": [{**other, "bytes": [72, 195, 182]}]}
        for streamed in (False, True):
            if streamed:
                pieces(upstream, [{"content": "Hi"}], logprobs={"content": [entry]})
            else:
                whole(upstream, {"content": "Hi"}, logprobs={"content": [entry]})
            assert output_of(ask(stream=streamed)) == [message(text("Hi"))]
            ((item,),) = (one["content"] for one in output_of(ask(stream=streamed, top_logprobs=1)))
            assert item["logprobs"] == [read]


class TestBadAnswers:
    def test_what_is_no_chat_is_one_clear_error_and_on_the_books(self, ask: Ask, upstream: MockUpstream) -> None:
        nameless = {"tool_calls": [{"id": "call_1", "function": {"arguments": "{}"}}]}
        for streamed, choices in itertools.product((False, True), (5, [{"message": nameless, "delta": nameless}])):
            body = orjson.dumps({"choices": choices})
            breakers.forget()
            upstream.stream([b"data: %b\n\n" % body]) if streamed else upstream.reply(body)
            told = ask(stream=streamed)
            assert (told.status_code, told.json()["error"]["code"]) == (502, "upstream_error")
            row = recorded(told)
            assert (row.endpoint, row.status, row.error_code) == (PATH, 502, "upstream_error")

    def test_where_it_comes_later_it_is_the_last_events(self, ask: Ask, upstream: MockUpstream) -> None:
        good = {"choices": [{"delta": {"content": "Hello"}}]}
        bad = {"choices": [{"delta": {"content": 5}}]}
        upstream.stream([b"".join(b"data: %b\n\n" % json.dumps(chunk).encode() for chunk in (good, bad, good))])
        answer = ask(stream=True)
        *_, error, failed = events_of(answer)
        assert (error["type"], error["code"], error["param"]) == ("error", "upstream_error", None)
        assert failed["response"]["error"]["code"] == "server_error"
        row = recorded(answer)
        assert (row.status, row.error_code) == (502, "upstream_error")

    def test_a_stream_that_breaks_ends_with_an_error(self, ask: Ask, upstream: MockUpstream) -> None:
        for mode, code in (("error-mid", "oom"), ("cut", "upstream_error"), ("reset", "upstream_error")):
            upstream.mode = mode
            answer = ask(stream=True)
            *_, error, failed = events_of(answer)
            assert (error["code"], failed["type"]) == (code, "response.failed")
            assert failed["response"]["output"][0]["content"][0]["text"] == "Hello there"
            assert recorded(answer).error_code == code

    def test_what_an_upstream_refuses_is_a_status(self, ask: Ask, upstream: MockUpstream) -> None:
        refusals = (("400", 400, "hot"), ("429", 429, "rate_limit_exceeded"), ("500", 502, "upstream_error"))
        for mode, status, code in refusals:
            upstream.mode = mode
            for answer in (ask(), ask(stream=True)):
                assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)

    @pytest.mark.parametrize("streamed", [False, True])
    def test_what_it_finds_wrong_is_named_as_the_caller_wrote_it(
        self, ask: Ask, upstream: MockUpstream, streamed: bool
    ) -> None:
        error = {"message": "Bad 'messages[0].content[0].image_url'.", "param": "messages[0].content[0].image_url"}
        upstream.reply(orjson.dumps({"error": error}), status=400)
        image = {"type": "input_image", "image_url": "ftp://x"}
        told = ask(stream=streamed, input=[{"role": "user", "content": [image]}]).json()["error"]
        assert told["param"] == "input[0].content[0].image_url"
        assert told["message"] == "Bad 'input[0].content[0].image_url'."

    def test_a_server_that_falls_silent_is_given_up(self, ask: Ask, upstream: MockUpstream) -> None:
        Upstream.objects.filter(name="gpu").update(silence_seconds=1.0)
        upstream.mode = "stall"
        *_, error, failed = events_of(ask(stream=True))
        assert (error["code"], failed["response"]["status"]) == ("upstream_timeout", "failed")


class TestFailover:
    def test_nothing_of_who_failed_is_in_the_answer_of_who_did_not(self, ask: Ask, upstream: MockUpstream) -> None:
        for modes in (["500", "drop"], ["error-first"], ["empty"]):
            breakers.forget()
            upstream.modes = [*modes]
            answer = ask(stream=True)
            assert answer.headers["x-lukhas-attempts"] == str(len(modes) + 1)
            assert output_of(answer) == [message(text("Hello there!"))]

    def test_who_answers_no_chat_is_left_for_who_does(self, ask: Ask, upstream: MockUpstream) -> None:
        with MockUpstream() as spare:
            Upstream.objects.create(name="spare", base_url=spare.url)
            Deployment.objects.create(
                model=Model.objects.get(model_id="big"),
                upstream=Upstream.objects.get(name="spare"),
                upstream_model=MODEL,
                weight=0,
            )
            for streamed in (False, True):
                upstream.stream([b'data: {"choices": 5}\n\n']) if streamed else upstream.reply(b'{"choices": 5}')
                answer = ask(stream=streamed)
                assert answer.headers["x-lukhas-upstream"] == "spare"
                assert output_of(answer) == [message(text("Hello there!"))]

    def test_a_model_that_stands_in_answers_under_its_own_name(self, ask: Ask, upstream: MockUpstream) -> None:
        Model.objects.filter(model_id__in=["big", "lukhas-echo-1"]).update(vector_space="a")
        big = Model.objects.get(model_id="big")
        Fallback.objects.create(model=big, target=Model.objects.get(model_id="lukhas-echo-1"))
        upstream.mode = "401"
        events = events_of(ask(stream=True))
        told = [event["response"] for event in events if "response" in event]
        assert {response["model"] for response in told} == {"lukhas-echo-1"}
        assert ask().json()["model"] == "lukhas-echo-1"


def test_a_caller_who_hangs_up_frees_the_upstream(client: httpx.Client, upstream: MockUpstream) -> None:
    upstream.mode = "stall"
    with client.stream("POST", PATH, json={"model": "big", "input": "Hi", "stream": True}) as answer:
        next(answer.iter_lines())
    upstream.wait_for_hang_up()
