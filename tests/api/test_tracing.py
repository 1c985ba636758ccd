"""Spans of inference, caught in memory from real requests on real sockets."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from pytest_django import Settings

from api import errors, tracing
from api.backends.base import Call
from api.catalog import Target
from api.models import Model
from api.serializers.embeddings import parse_embeddings
from lukhas_site.http.edge import Edge
from tests.api.guarded import policy
from tests.api.rollouts import FLAG, make_flag, make_models
from tests.serving import Server

CHAT = {"model": "lukhas-echo-1", "messages": [{"role": "user", "content": "a secret of mine"}]}


class Spans:
    """The spans of the requests so far."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))

    def of(self, name: str) -> ReadableSpan:
        """The one span of this name, once it has ended."""
        deadline = time.monotonic() + 5
        while True:
            found = [span for span in self.exporter.get_finished_spans() if span.name == name]
            if found:
                (span,) = found
                return span
            assert time.monotonic() < deadline, f"no span {name}"
            time.sleep(0.01)


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Spans:
    made = Spans()
    monkeypatch.setattr(tracing, "tracer", made.provider.get_tracer("tests"))
    return made


@pytest.fixture
def traced(spans: Spans, database: None, api_key: str) -> Iterator[httpx.Client]:
    """A client of a server that records spans."""
    from lukhas_site.roof import Roof

    with (
        Server(
            Edge(Roof(), problem=errors.problem, tracer=spans.provider.get_tracer("tests")), lifespan="off"
        ) as server,
        httpx.Client(base_url=server.url, headers={"Authorization": f"Bearer {api_key}"}, timeout=30) as client,
    ):
        yield client


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def check_parent(spans: Spans, span: ReadableSpan, route: str) -> ReadableSpan:
    server = spans.of(f"POST /v1/{route}")
    assert server.kind is trace.SpanKind.SERVER
    assert span.kind is trace.SpanKind.INTERNAL
    assert span.parent is not None
    assert server.context is not None
    assert span.parent.span_id == server.context.span_id
    return server


def test_a_chat_is_a_span_with_the_genai_conventions_and_no_text(traced: httpx.Client, spans: Spans) -> None:
    answer = traced.post(
        "/v1/chat/completions", json={**CHAT, "n": 2, "temperature": 0.5, "top_p": 1, "seed": 7, "max_tokens": 2}
    )
    span = spans.of("chat.create")
    server = check_parent(spans, span, "chat/completions")
    assert attributes(span) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "echo",
        "gen_ai.request.model": "lukhas-echo-1",
        "gen_ai.request.stream": False,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 1,
        "gen_ai.request.max_tokens": 2,
        "gen_ai.request.seed": 7,
        "gen_ai.request.choice.count": 2,
        "gen_ai.response.model": "lukhas-echo-1",
        "gen_ai.response.id": answer.json()["id"],
        "gen_ai.response.finish_reasons": ("length", "length"),
        "gen_ai.usage.input_tokens": 4,
        "gen_ai.usage.output_tokens": 4,
    }
    assert server.context is not None
    assert answer.headers["x-trace-id"] == trace.format_trace_id(server.context.trace_id)
    assert "secret" not in span.to_json() + server.to_json()


def test_what_a_policy_refuses_leaves_nothing_of_its_text_in_any_span(traced: httpx.Client, spans: Spans) -> None:
    policy(pattern="secret [a-z]+")
    assert traced.post("/v1/chat/completions", json=CHAT).status_code == 400
    span = spans.of("POST /v1/chat/completions")
    assert "secret" not in span.to_json()
    assert [each.name for each in spans.exporter.get_finished_spans()] == [span.name]


def test_a_completion_is_a_span(traced: httpx.Client, spans: Spans) -> None:
    traced.post("/v1/completions", json={"model": "lukhas-echo-1", "prompt": "Hi"})
    span = spans.of("completions.create")
    check_parent(spans, span, "completions")
    assert attributes(span)["gen_ai.operation.name"] == "text_completion"
    assert attributes(span)["gen_ai.request.max_tokens"] == 16
    assert "gen_ai.request.choice.count" not in attributes(span)


def test_embeddings_are_a_span_that_says_how_much_was_embedded(traced: httpx.Client, spans: Spans) -> None:
    traced.post("/v1/embeddings", json={"model": "lukhas-echo-1", "input": ["four", "seven77"]})
    span = spans.of("embeddings.create")
    check_parent(spans, span, "embeddings")
    known = attributes(span)
    assert known["gen_ai.operation.name"] == "embeddings"
    assert (known["input_count"], known["input_length"]) == (2, 11)
    assert known["gen_ai.usage.input_tokens"] > 0
    assert "gen_ai.response.finish_reasons" not in known


def test_moderations_are_a_span_that_says_how_much_was_judged(traced: httpx.Client, spans: Spans) -> None:
    Model.objects.filter(model_id="lukhas-echo-1").update(moderations=True)
    traced.post("/v1/moderations", json={"model": "lukhas-echo-1", "input": ["four", "seven77"]})
    span = spans.of("moderations.create")
    check_parent(spans, span, "moderations")
    known = attributes(span)
    assert known["gen_ai.operation.name"] == "moderations"
    assert (known["input_count"], known["input_length"]) == (2, 11)
    assert known["gen_ai.usage.input_tokens"] > 0


def test_a_streams_span_lasts_as_long_as_the_stream(traced: httpx.Client, spans: Spans, settings: Settings) -> None:
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.05
    with traced.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as answer:
        lines = answer.iter_lines()
        next(lines)
        assert spans.exporter.get_finished_spans() == ()
        assert list(lines)[-2] == "data: [DONE]"
    span = spans.of("chat.create")
    server = check_parent(spans, span, "chat/completions")
    assert span.start_time is not None
    assert span.end_time is not None
    assert server.end_time is not None
    assert (span.end_time - span.start_time) / 1e9 >= 0.2
    assert server.end_time >= span.end_time
    assert attributes(span)["gen_ai.request.stream"] is True
    assert attributes(span)["gen_ai.usage.output_tokens"] == 4
    assert span.status.is_unset


def test_a_caller_who_hangs_up_ends_the_span(traced: httpx.Client, spans: Spans, settings: Settings) -> None:
    settings.LUKHAS_ECHO_CHUNK_SECONDS = 0.1
    with traced.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as answer:
        next(answer.iter_lines())
    span = spans.of("chat.create")
    assert span.status.status_code is trace.StatusCode.ERROR
    assert attributes(span)["gen_ai.usage.output_tokens"] < 4


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"default_variant": "next"}, ("static", "next")),
        ({"enabled": False}, ("disabled", None)),
    ],
)
def test_a_rollout_is_on_the_span(
    traced: httpx.Client, spans: Spans, state: dict[str, Any], told: tuple[str, str | None]
) -> None:
    make_models()
    make_flag(**state)
    assert traced.post("/v1/chat/completions", json={**CHAT, "model": "chat", "user": "ada"}).status_code == 200
    found = attributes(spans.of("chat.create"))
    assert found["feature_flag.key"] == FLAG
    assert (found["feature_flag.result.reason"], found.get("feature_flag.result.variant")) == told
    assert "ada" not in str(found)


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_is_named_on_the_span_and_its_message_is_not(traced: httpx.Client, spans: Spans, stream: bool) -> None:
    assert traced.post("/v1/chat/completions", json={**CHAT, "stream": stream, "colour": 1}).status_code == 400
    span = spans.of("chat.create")
    assert span.status.status_code is trace.StatusCode.ERROR
    assert attributes(span)["error.type"] == "UnknownParameter"
    assert span.events == ()
    assert span.status.description is None


def test_a_request_that_is_not_sampled_leaves_nothing_and_passes_that_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "tracer", TracerProvider(sampler=ALWAYS_OFF).get_tracer("tests"))
    call = Call(Target(model="m", upstream="u", kind="echo"))
    with tracing.inference_span(parse_embeddings({"model": "m", "input": "a"}), call) as span:
        assert not span.is_recording()
        assert trace.get_current_span() is span  # so that whatever is called inside is not sampled either


def test_without_an_exporter_a_span_records_nothing() -> None:
    call = Call(Target(model="m", upstream="u", kind="echo"))
    with tracing.inference_span(parse_embeddings({"model": "m", "input": "a"}), call) as span:
        assert not span.is_recording()


@pytest.mark.parametrize("stream", [False, True])
def test_a_response_is_a_span_of_a_chat_under_an_id_of_its_own(
    traced: httpx.Client, spans: Spans, stream: bool
) -> None:
    asked = {"model": "lukhas-echo-1", "input": "a secret of mine", "max_output_tokens": 16, "stream": stream}
    answer = traced.post("/v1/responses", json=asked)
    span = spans.of("chat.create")
    check_parent(spans, span, "responses")
    known = attributes(span)
    assert known["gen_ai.response.id"].startswith("resp_")
    assert known["gen_ai.response.id"] in answer.text
    assert (known["gen_ai.request.max_tokens"], known["gen_ai.usage.output_tokens"]) == (16, 4)
    assert "secret" not in span.to_json()
