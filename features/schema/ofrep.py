"""/ofrep/v1 in the document: shapes, examples and errors."""

from collections.abc import Mapping
from http import HTTPStatus
from time import perf_counter
from typing import Any

import orjson
from django.db import OperationalError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
)
from rest_framework import serializers
from rest_framework.exceptions import MethodNotAllowed, ParseError, UnsupportedMediaType

from accounts.exceptions import KeyInvalid, KeyMissing, LimitReached, OriginNotAllowed, ScopeMissing
from features.evaluation import Failure
from features.ofrep import errors
from features.schema import authentication
from lukhas_site.http.exchange import Exchange

EXTENSIONS = (authentication,)
"""drf-spectacular finds its extensions once their modules are imported."""
REASONS = ("STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED")
ERRORS = ("PARSE_ERROR", "TARGETING_KEY_MISSING", "INVALID_CONTEXT", "FLAG_NOT_FOUND", "GENERAL")
TAGS = ["Feature flags"]

Shape = type[serializers.Serializer[Any]]


@extend_schema_field(
    {
        "type": "object",
        "properties": {"targetingKey": {"type": "string", "description": "Who is asking. Splits go by it."}},
        "additionalProperties": {},
    }
)
class ContextField(serializers.JSONField):
    """What is known about who is asking: any JSON object."""


@extend_schema_field({"description": "true or false, a text, a number or an object, by the kind of the flag."})
class ValueField(serializers.JSONField):
    """What a flag answers with."""


def shape(name: str, description: str, **fields: Any) -> Shape:
    """A serializer class by the name of its component, which only describes."""
    return type(name, (serializers.Serializer,), {"__doc__": description, **fields})


def text(description: str, **options: Any) -> serializers.CharField:
    return serializers.CharField(help_text=description, **options)


Request = shape("EvaluationRequest", "Who is asking.", context=ContextField())
Flag = shape(
    "FlagEvaluation",
    "A flag's answer. Without a value, the caller's own default counts.",
    key=text("The flag."),
    reason=serializers.ChoiceField(choices=REASONS, help_text="Why it is this answer."),
    variant=text("The name of the value; empty where there is none.", allow_blank=True),
    value=ValueField(required=False),
    metadata=serializers.DictField(required=False, help_text="What the flag's owners tell its users."),
)
Failed = shape(
    "FlagEvaluationFailure",
    "Why there is no answer.",
    key=text("The flag, where one was asked for.", required=False),
    errorCode=serializers.ChoiceField(choices=ERRORS),
    errorDetails=text("For people."),
)


@extend_schema_field(
    {
        "type": "array",
        "items": {
            "anyOf": [
                {"$ref": "#/components/schemas/FlagEvaluation"},
                {"$ref": "#/components/schemas/FlagEvaluationFailure"},
            ]
        },
    }
)
class FlagsField(serializers.JSONField):
    """One entry for each flag."""


EventStream = shape(
    "FlagEventStream",
    "Where to be told of changes.",
    type=serializers.ChoiceField(choices=("sse",), help_text="Server-sent events."),
    url=text("What to ask, as it is: good for an hour at most. It is a secret."),
    inactivityDelaySec=serializers.IntegerField(
        min_value=1, help_text="After so many seconds out of sight, a page closes its stream."
    ),
)
Flags = shape(
    "FlagEvaluations",
    "The answers of all flags.",
    flags=FlagsField(),
    eventStreams=EventStream(many=True, required=False, help_text="Left out where there are none."),
)

CONTEXT: dict[str, Any] = {"targetingKey": "user-123", "plan": "pro", "country": "CA"}
REQUESTS: Mapping[str, Any] = {
    "Who is asking": {"context": CONTEXT},
    "Nobody in particular": {"context": {}},
}
BANNER = {"key": "discount-banner", "reason": "TARGETING_MATCH", "variant": "on", "value": True}
ANSWERS: Mapping[str, Any] = {
    "By a rule": BANNER,
    "By weight": {"key": "checkout", "reason": "SPLIT", "variant": "new", "value": {"steps": 3}},
    "With metadata": {
        "key": "theme",
        "reason": "STATIC",
        "variant": "dark",
        "value": "night",
        "metadata": {"team": "web"},
    },
    "No value": {"key": "beta", "reason": "DISABLED", "variant": ""},
}
SPREAD = Failure("TARGETING_KEY_MISSING", "targetingKey is missing, and checkout spreads callers by it")
STREAM = {
    "type": "sse",
    "url": "https://flags.example.com/ofrep/v1/events?token=WyJrZXlfMSIsIm9yZy0xIiwicHJvZHVjdGlvbiIsMTc2NDAyODgwMF0:kX3",
    "inactivityDelaySec": 120,
}
ALL = {"flags": [BANNER], "eventStreams": [STREAM]}
NOT_FOUND = Failure("FLAG_NOT_FOUND", "there is no such flag")
ID = "req_5f1e4c0a9d7b4f6e8c2a1b3d5e7f9a0b"
LIMIT = LimitReached(
    scope="key:key_1", model="", unit="requests", period="minute", limit=600, used=600, requested=1, retry_after=1.4,
    headers={},
)  # fmt: skip
FAILURES: Mapping[int, Mapping[str, Exception]] = {
    400: {"Not JSON": ParseError("The body is not valid JSON."), "No context": errors.InvalidContext()},
    401: {"No key": KeyMissing(), "Wrong key": KeyInvalid("sk-lu***wxyz")},
    403: {"Scope missing": ScopeMissing(("flags.read",)), "Elsewhere": OriginNotAllowed()},
    405: {"Wrong method": MethodNotAllowed("GET")},
    413: {"Too large": errors.ContextTooLarge()},
    415: {"Not declared as JSON": UnsupportedMediaType("text/plain")},
    429: {"Limit reached": LIMIT},
    500: {"Crash": RuntimeError()},
    503: {"Database away": OperationalError()},
}
MEANINGS = {
    400: "The request is at fault, or the flag cannot be evaluated for this context.",
    404: "There is no such flag.",
    429: "The key asked more than its limits allow. `Retry-After` is in whole seconds.",
}


def examples(found: Mapping[str, Any], *, requests: bool = False) -> list[OpenApiExample]:
    return [
        OpenApiExample(title, value=value, request_only=requests, response_only=not requests)
        for title, value in found.items()
    ]


def rendered(error: Exception, key: str | None, path: str = "/ofrep/v1/evaluate/flags") -> Any:
    """The body as the server would send it."""
    exchange = Exchange(ID, "POST", path, perf_counter(), "default")
    return orjson.loads(errors.render(error, exchange, key)[2])


def failures(key: str | None) -> dict[int, OpenApiResponse]:
    """The errors; those of one flag name it."""
    told: dict[int, dict[str, Exception]] = {status: dict(found) for status, found in FAILURES.items()}
    if key is not None:
        told[400]["Targeting key missing"] = errors.EvaluationFailed(SPREAD)
        told[404] = {"Unknown flag": errors.EvaluationFailed(NOT_FOUND)}
    return {
        status: failure(status, {title: rendered(error, key) for title, error in told[status].items()})
        for status in sorted(told)
    }


def failure(status: int, bodies: Mapping[str, Any], meaning: str = "") -> OpenApiResponse:
    """An error, with examples of its body by their titles."""
    meaning = meaning or MEANINGS.get(status, f"{HTTPStatus(status).phrase}.")
    return OpenApiResponse(Failed, description=meaning, examples=examples(bodies))


one = extend_schema(
    operation_id="evaluateFlag",
    summary="Evaluate a feature flag",
    tags=TAGS,
    request=Request,
    parameters=[OpenApiParameter("key", OpenApiTypes.STR, OpenApiParameter.PATH, description="The flag.")],
    examples=examples(REQUESTS, requests=True),
    responses={
        200: OpenApiResponse(Flag, description="The flag's answer.", examples=examples(ANSWERS)),
        **failures("checkout"),
    },
)
bulk = extend_schema(
    operation_id="evaluateFlagsBulk",
    summary="Evaluate all feature flags",
    tags=TAGS,
    request=Request,
    parameters=[
        OpenApiParameter(
            "If-None-Match",
            OpenApiTypes.STR,
            OpenApiParameter.HEADER,
            description="The ETag of an earlier answer to the same context.",
        ),
        OpenApiParameter(
            "flagConfigEtag",
            OpenApiTypes.STR,
            OpenApiParameter.QUERY,
            description="The version that an event told of, its `etag`: the answer is of this version at least.",
        ),
        OpenApiParameter(
            "flagConfigLastModified",
            OpenApiTypes.STR,
            OpenApiParameter.QUERY,
            description="The `lastModified` of an event, which the protocol has sent along. The version says it all.",
        ),
    ],
    examples=examples(REQUESTS, requests=True),
    responses={
        200: OpenApiResponse(
            Flags,
            description="The answers of all flags; what could not be evaluated is among them.",
            examples=examples(
                {
                    "Answers": {"flags": [BANNER, rendered(errors.EvaluationFailed(SPREAD), "checkout")]},
                    "With an event stream": ALL,
                }
            ),
        ),
        304: OpenApiResponse(description="No answer has changed."),
        **failures(None),
    },
)
