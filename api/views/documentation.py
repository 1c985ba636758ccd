"""What the OpenAPI document says of each endpoint: the decorators of the views, each named after what it documents."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema

from api.schema import (
    analytics,
    audit_events,
    authentication,
    errors,
    events,
    experiments,
    features,
    features_ramps,
    fields,
    messages,
    response_inputs,
    rollout_guards,
    sessions,
)
from api.schema import chat as chats
from api.schema import completions as texts
from api.schema import embeddings as vectors
from api.schema import health as states
from api.schema import models as catalogs
from api.schema import moderations as judgements
from api.schema import responses as newer
from api.schema.shapes import Shape, answers, requests
from api.serializers.chat import ChatSerializer
from api.serializers.completions import CompletionSerializer
from api.serializers.embeddings import EmbeddingSerializer
from api.serializers.moderations import ModerationSerializer
from api.serializers.responses import ResponseSerializer

Handler = TypeVar("Handler", bound=Callable[..., Any])

EXTENSIONS = (
    authentication, fields, messages, response_inputs, audit_events, sessions, features, features_ramps, rollout_guards,
    analytics, events, experiments,
)  # fmt: skip
"""drf-spectacular finds its extensions once their modules are imported; the last eight describe views of lower apps."""
JSON = "application/json"
EVENTS = "text/event-stream"
FRAMES = (
    "With `stream: true` the answer is server-sent events: each `data:` line holds one object of this shape, the last "
    "is `data: [DONE]`. An error on the way is one last event with the error's envelope."
)

NAMED_FRAMES = (
    "With `stream: true` the answer is server-sent events. Each has its type in an `event:` line, too; the last one is "
    "`response.completed` or `response.incomplete`. An error on the way is an `error`, and `response.failed` the end."
)


def answer(shape: Shape, description: str, examples: Mapping[str, Any]) -> OpenApiResponse:
    """A good answer: its shape, with examples by their titles."""
    return OpenApiResponse(shape, description=description, examples=answers(examples))


def inference_errors(particular: errors.Examples) -> dict[int, OpenApiResponse]:
    """The errors of an endpoint that asks a model; those of 400 that are its own first."""
    wrong = {400: {**errors.NOT_JSON, **particular}}
    return errors.responses(wrong, errors.ANYWHERE, errors.WITH_KEY, errors.WITH_MODEL, errors.INFERENCE)


chat = extend_schema(
    operation_id="createChatCompletion",
    summary="Create a chat completion",
    tags=["Chat"],
    request=ChatSerializer,
    examples=requests(chats.REQUESTS),
    responses={
        (200, JSON): answer(chats.ChatCompletion, f"The answer. {FRAMES}", chats.ANSWERS),
        (200, EVENTS): answer(chats.ChatCompletionChunk, FRAMES, chats.CHUNKS),
        **inference_errors(chats.ERRORS),
    },
)
responses = extend_schema(
    operation_id="createResponse",
    summary="Create a response",
    tags=["Responses"],
    request=ResponseSerializer,
    examples=requests(newer.REQUESTS),
    responses={
        (200, JSON): answer(newer.Response, f"The answer. {NAMED_FRAMES}", newer.ANSWERS),
        (200, EVENTS): answer(newer.ResponseStreamEvent, NAMED_FRAMES, newer.CHUNKS),
        **inference_errors(newer.ERRORS),
    },
)
completions = extend_schema(
    operation_id="createCompletion",
    summary="Create a completion",
    tags=["Completions"],
    request=CompletionSerializer,
    examples=requests(texts.REQUESTS),
    responses={
        (200, JSON): answer(texts.Completion, f"The answer. {FRAMES}", texts.ANSWERS),
        (200, EVENTS): answer(texts.Completion, FRAMES, texts.CHUNKS),
        **inference_errors(texts.ERRORS),
    },
)
embeddings = extend_schema(
    operation_id="createEmbedding",
    summary="Create embeddings",
    tags=["Embeddings"],
    request=EmbeddingSerializer,
    examples=requests(vectors.REQUESTS),
    responses={
        200: answer(vectors.CreateEmbeddingResponse, "The vectors, in the order of the inputs.", vectors.ANSWERS),
        **inference_errors(vectors.ERRORS),
    },
)
moderations = extend_schema(
    operation_id="createModeration",
    summary="Classify texts",
    tags=["Moderations"],
    request=ModerationSerializer,
    examples=requests(judgements.REQUESTS),
    responses={
        200: answer(judgements.CreateModerationResponse, "What is said of each input.", judgements.ANSWERS),
        **inference_errors(judgements.ERRORS),
    },
)
models = extend_schema(
    operation_id="listModels",
    summary="List models",
    tags=["Models"],
    parameters=[catalogs.IF_NONE_MATCH],
    request=None,
    responses={
        200: answer(catalogs.ListModelsResponse, "All models and aliases.", {"Models": catalogs.LIST}),
        304: OpenApiResponse(description="The caller's copy is still current."),
        **errors.responses(errors.ANYWHERE, errors.WITH_KEY),
    },
)
model = extend_schema(
    operation_id="retrieveModel",
    summary="Retrieve a model",
    tags=["Models"],
    parameters=[catalogs.MODEL_ID, catalogs.IF_NONE_MATCH],
    request=None,
    responses={
        200: answer(catalogs.Model, "The model.", {"Model": catalogs.EXAMPLE}),
        304: OpenApiResponse(description="The caller's copy is still current."),
        **errors.responses(errors.ANYWHERE, errors.WITH_KEY, errors.WITH_MODEL),
    },
)


def health(operation_id: str) -> Callable[[Handler], Handler]:
    """The decorator of /healthz, or of another name of it."""
    return extend_schema(
        operation_id=operation_id,
        summary="Whether the process answers",
        tags=["Health"],
        request=None,
        auth=[],
        responses={
            200: answer(states.Health, "It does.", {"Healthy": states.HEALTHY}),
            **errors.responses(errors.ANYWHERE),
        },
    )


ready = extend_schema(
    operation_id="getReadiness",
    summary="Whether the server can do its work",
    tags=["Health"],
    request=None,
    auth=[],
    responses={
        200: answer(states.Readiness, "It can.", {"Ready": states.READY}),
        503: answer(states.Readiness, "It cannot, for what is not ok.", {"Not ready": states.NOT_READY}),
        **errors.responses(errors.ANYWHERE),
    },
)
metrics = extend_schema(
    operation_id="getMetrics",
    summary="Metrics for Prometheus",
    description=(
        "In Prometheus' text format, or as OpenMetrics where the Accept header asks for it. From the machine itself no "
        "key is needed; from elsewhere an admin key with the scope `metrics.read`."
    ),
    tags=["Health"],
    request=None,
    responses={
        (200, "text/plain"): OpenApiResponse(
            OpenApiTypes.STR, description="The metrics.", examples=answers({"Metrics": states.METRICS})
        ),
        **errors.responses(errors.ANYWHERE, errors.WITH_KEY),
    },
)
