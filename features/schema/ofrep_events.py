"""/ofrep/v1/events in the document."""

from collections.abc import Mapping

from django.db import OperationalError
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import MethodNotAllowed, NotFound

from accounts.exceptions import OriginNotAllowed, ScopeMissing
from features.ofrep import errors
from features.schema.ofrep import LIMIT, TAGS, failure, rendered
from lukhas_site.http.problems import BadClientRequestId, BodyTooLarge

PATH = "/ofrep/v1/events"
EVENTS = """\
retry: 3000
id: production-0f2c9f0d7c1f4b52a9b4f6e1d3c8a705

: ping

id: production-9a1b6c3d5e7f40218c6d4b2a0f1e3d5c
data: {"type":"refetchEvaluation","etag":"17","lastModified":1764028800}

"""
FAILURES: Mapping[int, Mapping[str, Exception]] = {
    400: {"Odd request id": BadClientRequestId()},
    401: {"Worth nothing": errors.TicketInvalid()},
    403: {"Scope missing": ScopeMissing(("flags.read",)), "Elsewhere": OriginNotAllowed()},
    404: {"Switched off": NotFound()},
    405: {"Wrong method": MethodNotAllowed("POST")},
    413: {"Too large": BodyTooLarge(20_971_520)},
    429: {"Too many of the key": errors.TooManyOfKey(), "Limit reached": LIMIT},
    500: {"Crash": RuntimeError()},
    503: {"Too many": errors.TooManyStreams(), "Database away": OperationalError()},
}
MEANINGS = {
    400: "The request is malformed.",
    401: "The token is wrong or has expired, or its key has ended.",
    404: "Event streams are switched off.",
    429: "The key has too many streams open, or asked more than its limits allow.",
    503: "The server has too many streams open, or the database is away and the flags were never read.",
}

events = extend_schema(
    operation_id="streamFlagEvents",
    summary="Be told when flags change",
    description="The URL, token and all, is that of `eventStreams` in the answer of all flags. An event says that the "
    "flags of the organisation and environment changed; what they answer now, the client asks for itself, with the "
    "event's `etag` as `flagConfigEtag`. Comments keep the stream open. It ends within the hour, after a last event: "
    "the answer to that has a new URL.",
    tags=TAGS,
    parameters=[
        OpenApiParameter(
            "Last-Event-ID",
            OpenApiTypes.STR,
            OpenApiParameter.HEADER,
            description="The id of the last event, which browsers send by themselves: what was missed meanwhile is one "
            "event at once.",
        )
    ],
    responses={
        (200, "text/event-stream"): OpenApiResponse(
            OpenApiTypes.STR,
            description="Events, whose data is one JSON object each.",
            examples=[OpenApiExample("Events", value=EVENTS, response_only=True, media_type="text/event-stream")],
        ),
        **{
            status: failure(
                status,
                {title: rendered(error, None, PATH) for title, error in found.items()},
                MEANINGS.get(status, ""),
            )
            for status, found in FAILURES.items()
        },
    },
)
