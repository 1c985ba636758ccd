"""What the OpenAPI document says of /api/analytics/events, whose view knows nothing of it."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    OpenApiParameter,
    OpenApiResponse,
    extend_schema,
    extend_schema_field,
    extend_schema_view,
)
from rest_framework import serializers
from rest_framework.exceptions import Throttled, ValidationError

from accounts.exceptions import (
    KeyInvalid,
    KeyMissing,
    NotThere,
    OrganizationUnclear,
    OriginNotAllowed,
    ScopeMissing,
    SessionInvalid,
)
from analytics import judging, taxonomy
from analytics.envelopes import API_KEY, MOST_BYTES, MOST_EVENTS
from analytics.exceptions import EventsOverloaded, KeyNotPublishable
from analytics.keeping import HOURLY_LIMIT
from analytics.views.events import EventsView
from api import exceptions as wire
from api.refusals import RateLimited
from api.schema.errors import ANYWHERE, DESCRIPTIONS, NOT_JSON, Examples, responses
from api.schema.organization_shapes import one_of
from api.schema.shapes import NULLABLE, OPTIONAL, answers, integer, shape, text
from lukhas_site.http.decoding import WrongCoding
from lukhas_site.http.problems import BodyTooLarge

CODES = (
    *(judging.INVALID_EVENT, judging.INVALID_ID, judging.INVALID_TIMESTAMP, judging.TOO_OLD, judging.IN_FUTURE),
    *(judging.UNKNOWN, judging.INVALID_PROPERTIES, judging.TOO_LARGE, HOURLY_LIMIT),
    *(judging.DO_NOT_TRACK, judging.PRIVACY_CONTROL, judging.CONSENT),
)


@extend_schema_field(taxonomy.EVENT)
class EventField(serializers.JSONField):
    """One event, by the declaration that it is checked by."""


SENT_AT: Any = {"help_text": "When the batch was sent, by the sender's clock: corrects that clock.", **OPTIONAL}
FIELDS: Mapping[str, Any] = {
    "events": serializers.ListField(
        child=EventField(), min_length=1, max_length=MOST_EVENTS, help_text="What happened."
    ),
    "sent_at": serializers.DateTimeField(**SENT_AT),
    "consent": serializers.BooleanField(help_text="Whether the user has agreed to it.", **OPTIONAL),
}
EventBatch = shape("EventBatch", "Events, in any number up to a thousand.", FIELDS)
EventBeacon = shape(
    "EventBeacon",
    "The same as text/plain, with a publishable key: what `navigator.sendBeacon` can send.",
    {API_KEY: text("A publishable key, where there is no Authorization header.", **OPTIONAL), **FIELDS},
)
EventResult = shape(
    "EventResult",
    "What became of one event.",
    {
        "id": text("Its id, or the one that it got.", **NULLABLE),
        "status": one_of("accepted", "duplicate", "rejected"),
        "code": one_of(*CODES, help_text="Why it was rejected.", **NULLABLE),
        "message": text("The same for people.", **NULLABLE),
    },
)
EventResults = shape(
    "EventResults",
    "What became of a batch. It is on the disk by now.",
    {
        "status": one_of("accepted", "partial", "rejected", help_text="Whether none, some or all were rejected."),
        "accepted": integer("How many were taken."),
        "duplicates": integer("How many were there already."),
        "rejected": integer("How many were not taken."),
        "results": EventResult(many=True, help_text="One for each event, in their order."),
    },
)
VIEWED: dict[str, Any] = {
    "id": "0199f0a4-6b1e-7cc2-9f5e-0a4d8a1e6c11",
    "event": "page_view",
    "properties": {"path": "/docs", "width": 1280},
    "timestamp": "2026-11-29T10:15:00.250Z",
    "session_id": "visit-7",
}
BATCH = {"events": [VIEWED], "sent_at": "2026-11-29T10:15:02Z"}
TAKEN = {"id": VIEWED["id"], "status": "accepted", "code": None, "message": None}
UNKNOWN = {
    "id": "e-2",
    "status": "rejected",
    "code": judging.UNKNOWN,
    "message": "The organisation's taxonomy has no event of this name.",
}
COUNTS = {"accepted": 1, "duplicates": 0, "rejected": 0}
ANSWERS = {
    "Taken": {"status": "accepted", **COUNTS, "results": [TAKEN]},
    "One is not": {"status": "partial", **COUNTS, "rejected": 1, "results": [TAKEN, UNKNOWN]},
}
OWN_DESCRIPTIONS: Mapping[int, str] = {
    **DESCRIPTIONS,
    404: "There is no such project, for this caller.",
    413: "The batch is larger than 1 MiB, with or without its encoding.",
    415: "The body is neither JSON nor text, or is encoded in a way that is not known here.",
}
LIMIT = RateLimited(
    unit="requests", model="", project="key_1", scope="API key", limit=600, used=600, requested=1, retry_after=1.4
)
ERRORS: Mapping[int, Examples] = {
    400: {
        **NOT_JSON,
        "No events": wire.MissingParameter("events"),
        "Too many": ValidationError({"events": [f"It may hold at most {MOST_EVENTS} events."]}, "max_length"),
        "Unknown parameter": wire.UnknownParameter("event"),
        "No project": ValidationError({"project": ["Name a project by its id."]}, code="required"),
        "Several organisations": OrganizationUnclear(),
    },
    401: {
        "No key": KeyMissing(),
        "Wrong key": KeyInvalid("pk-lu***wxyz"),
        "Secret key in text": KeyNotPublishable(),
        "Session over": SessionInvalid(),
    },
    403: {"Scope missing": ScopeMissing(("events.write",)), "Elsewhere": OriginNotAllowed()},
    404: {"No project": NotThere("project", "proj_unknown")},
    413: {"Batch too large": BodyTooLarge(MOST_BYTES)},
    415: {"Unknown encoding": WrongCoding()},
    429: {"Limit reached": LIMIT, "Too many requests of a session": Throttled(wait=17)},
    503: {"Too many wait": EventsOverloaded(), "Database away": wire.Overloaded("The database is not reachable.")},
}


def sent(title: str, value: Mapping[str, Any], media_type: str = "application/json") -> OpenApiExample:
    return OpenApiExample(title, value=value, request_only=True, media_type=media_type)


DOCUMENTED = extend_schema_view(
    post=extend_schema(
        operation_id="sendEvents",
        summary="Send events",
        tags=["Analytics"],
        request={"application/json": EventBatch, "text/plain": EventBeacon},
        examples=[
            sent("An event", BATCH),
            sent("Without an id", {"events": [{name: VIEWED[name] for name in ("event", "properties", "timestamp")}]}),
            sent("With consent", {**BATCH, "consent": True}),
            sent("A beacon", {API_KEY: "pk-lukhas-…", **BATCH}, "text/plain"),
        ],
        parameters=[
            OpenApiParameter(
                "project",
                str,
                OpenApiParameter.QUERY,
                description="The id of a project: needed with the token of a session, else the key's own.",
            ),
            OpenApiParameter(
                "Content-Encoding",
                str,
                OpenApiParameter.HEADER,
                enum=["gzip", "zstd"],
                description="How the body is compressed. It is 1 MiB at most before and after.",
            ),
            OpenApiParameter("DNT", str, OpenApiParameter.HEADER, description="`1`: do not track."),
            OpenApiParameter("Sec-GPC", str, OpenApiParameter.HEADER, description="`1`: Global Privacy Control."),
        ],
        responses={
            202: OpenApiResponse(
                EventResults, description="It is kept, but for what was rejected.", examples=answers(ANSWERS)
            ),
            **responses(ANYWHERE, ERRORS, descriptions=OWN_DESCRIPTIONS),
        },
    )
)(EventsView)
"""That view, described: decorating changes it where it is."""
