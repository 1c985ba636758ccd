"""Spans of inference, by OpenTelemetry's GenAI semantic conventions; they cost next to nothing without an exporter.

A stream's span lasts as long as the stream. Spans hold sizes and counts, never a prompt or an answer.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from api.backends.base import Call
from api.requests import ChatRequest, CompletionRequest, EmbeddingRequest, ModerationRequest, Request

OPERATIONS: dict[type[Request], tuple[str, str]] = {
    ChatRequest: ("chat.create", "chat"),
    CompletionRequest: ("completions.create", "text_completion"),
    EmbeddingRequest: ("embeddings.create", "embeddings"),
    ModerationRequest: ("moderations.create", "moderations"),
}

tracer = trace.get_tracer("lukhas.api")
_NO_SPAN = nullcontext(trace.INVALID_SPAN)


def inference_span(request: Request, call: Call) -> AbstractContextManager[Span]:
    """The span of one answer: attributes of the request at the start, of the answer at the end. The request, which may
    be large, is let go meanwhile."""
    if isinstance(tracer, trace.ProxyTracer) and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return _NO_SPAN  # nobody provides tracing: a span that does nothing still costs to enter
    return _span(request, call)


@contextmanager
def _span(request: Request, call: Call) -> Iterator[Span]:
    name, operation = OPERATIONS[type(request)]
    with tracer.start_as_current_span(
        name, kind=SpanKind.INTERNAL, record_exception=False, set_status_on_exception=False
    ) as span:
        if not span.is_recording():
            del request
            yield span
            return
        span.set_attribute("gen_ai.operation.name", operation)
        span.set_attribute("gen_ai.provider.name", call.target.upstream)
        span.set_attribute("gen_ai.request.model", request.model)
        _describe(span, request)
        if call.rollout is not None:
            span.set_attribute("feature_flag.key", call.rollout.flag)
            span.set_attribute("feature_flag.result.reason", call.rollout.reason.lower())
            if call.rollout.variant is not None:
                span.set_attribute("feature_flag.result.variant", call.rollout.variant)
        del request
        try:
            yield span
        except BaseException as error:
            span.set_status(Status(StatusCode.ERROR))
            span.set_attribute("error.type", type(error).__name__)
            raise
        finally:
            _conclude(span, call)


def _describe(span: Span, request: Request) -> None:
    if isinstance(request, EmbeddingRequest):
        span.set_attribute("input_count", len(request.inputs))
        span.set_attribute("input_length", sum(map(len, request.inputs)))
        return
    if isinstance(request, ModerationRequest):
        span.set_attribute("input_count", len(request.inputs))
        span.set_attribute("input_length", sum(len(text) for texts in request.inputs for text in texts))
        return
    sampling = request.sampling
    span.set_attribute("gen_ai.request.stream", request.stream)
    for name in ("temperature", "top_p", "max_tokens", "seed", "presence_penalty", "frequency_penalty"):
        value = getattr(sampling, name)
        if value is not None:
            span.set_attribute(f"gen_ai.request.{name}", value)
    if sampling.n != 1:
        span.set_attribute("gen_ai.request.choice.count", sampling.n)


def _conclude(span: Span, call: Call) -> None:
    span.set_attribute("gen_ai.response.model", call.target.model)
    if call.response_id:
        span.set_attribute("gen_ai.response.id", call.response_id)
    if call.finish_reasons:
        span.set_attribute("gen_ai.response.finish_reasons", call.finish_reasons)
    if call.usage:
        span.set_attribute("gen_ai.usage.input_tokens", call.usage.input_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", call.usage.output_tokens)
