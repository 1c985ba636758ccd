"""What the OpenAPI document says of /api/analytics, whose views know nothing of it."""

from collections.abc import Mapping
from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
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
from analytics.views.erasure import ErasureView
from analytics.views.metrics import MOST_HOURS, MetricsView
from analytics.views.privacy import PrivacyView
from api import exceptions as wire
from api.schema.analytics_metrics import HOURS, METRICS, MetricsShape
from api.schema.errors import ANYWHERE, DESCRIPTIONS, Examples, responses
from api.schema.shapes import NULLABLE, answers, constant, integer, shape, text

TAG = "Analytics"
PROJECT: Final = OpenApiParameter(
    "project",
    str,
    OpenApiParameter.QUERY,
    description="The id of a project; else the key's own.",
)
OWN_DESCRIPTIONS: Mapping[int, str] = {
    **DESCRIPTIONS,
    403: "The role of whoever calls is too low in the project, or a publishable key comes from elsewhere.",
    404: "There is no such project, for this caller.",
}
EVERY: Mapping[int, Examples] = {
    **ANYWHERE,
    400: {
        **ANYWHERE[400],
        "Unknown parameter": wire.UnknownParameter("colour"),
        "Several organisations": OrganizationUnclear(),
    },
    401: {"No key": KeyMissing(), "Wrong key": KeyInvalid("sk-lu***wxyz"), "Session over": SessionInvalid()},
    403: {"Role too low": ScopeMissing(("project.analytics.read",)), "Wrong origin": OriginNotAllowed()},
    404: {"No project": NotThere("project", "proj_unknown")},
    429: {"Too many requests": Throttled(wait=17)},
    503: {"Database away": wire.Overloaded("The database is not reachable.")},
}
NAMELESS: Mapping[int, Examples] = {
    400: {"No project": ValidationError({"project": ["Name a project by its id."]}, code="required")}
}


def truth(description: str) -> serializers.BooleanField:
    return serializers.BooleanField(help_text=description)


PolicyShape = shape(
    "AnalyticsPolicy",
    "How events of the project are treated.",
    {
        "admits_unknown": truth("Events are kept whose name is not in the taxonomy."),
        "honours_dnt": truth("Nothing is kept of requests with `DNT: 1`."),
        "honours_gpc": truth("Nothing is kept of requests with `Sec-GPC: 1`."),
        "requires_consent": truth("Nothing is kept of events without consent."),
        "keeps_raw": truth("Single events are kept; else they are only counted."),
    },
)
RedactionShape = shape(
    "AnalyticsRedaction",
    "What is taken out of the properties of events, before anything is kept.",
    {
        "marks": serializers.ListField(child=text(), help_text="What stands in the place of what was found."),
        "forbidden_properties": serializers.ListField(
            child=text(), help_text="Names that are dropped with their values, at every depth, however written."
        ),
        "max_depth": integer("Objects and lists within each other that are kept."),
        "max_values": integer("Values of one event that are kept."),
        "max_text_length": integer("Characters of one text that are looked at; a longer one is cut."),
    },
)
AddressesShape = shape(
    "AnalyticsAddresses",
    "How much of an address is kept, in bits.",
    {"ipv4_prefix": integer("Of IPv4, and of IPv4 within IPv6."), "ipv6_prefix": integer("Of IPv6.")},
)
IdentitiesShape = shape(
    "AnalyticsIdentities",
    "What is kept in the place of ids of users and sessions.",
    {
        "method": constant("hmac-sha-256"),
        "per": constant("project"),
        "since": integer("Since when, in seconds since 1970; null before the first.", **NULLABLE),
    },
)
PrivacyShape = shape(
    "AnalyticsPrivacy",
    "What is done with the events of a project, by the settings in force.",
    {
        "object": constant("analytics.privacy"),
        "project": text("The id of the project."),
        "policy": PolicyShape(),
        "redaction": RedactionShape(),
        "addresses": AddressesShape(),
        "user_agent": constant("browser_family"),
        "identities": IdentitiesShape(),
    },
)
PRIVACY: dict[str, Any] = {
    "object": "analytics.privacy",
    "project": "proj_Q8k3B8bEGSVWyjnsRXuHRdI4",
    "policy": {
        "admits_unknown": False,
        "honours_dnt": True,
        "honours_gpc": True,
        "requires_consent": False,
        "keeps_raw": True,
    },
    "redaction": {
        "marks": ["[CARD_REDACTED]", "[EMAIL_REDACTED]", "[IP_REDACTED]", "[PHONE_REDACTED]", "[SSN_REDACTED]"],
        "forbidden_properties": ["email", "name", "password", "phone"],
        "max_depth": 8,
        "max_values": 1000,
        "max_text_length": 8192,
    },
    "addresses": {"ipv4_prefix": 24, "ipv6_prefix": 48},
    "user_agent": "browser_family",
    "identities": {"method": "hmac-sha-256", "per": "project", "since": 1764028800},
}
SESSION: Final = OpenApiParameter(
    "session_id", str, OpenApiParameter.QUERY, description="The id of a session, as its events said it."
)
PERSON: Final = OpenApiParameter(
    "user_id", str, OpenApiParameter.QUERY, description="The id of a user, as events said it in `user_id_hash`."
)
ErasedShape = shape(
    "AnalyticsDataDeleted",
    "Everything about the session, the user, or both is erased.",
    {
        "object": constant("analytics.data.deleted"),
        "project": text("The id of the project."),
        "deleted": truth("Always true."),
        "events": integer("How many events there were."),
        "rejected_events": integer("How many there were that had been rejected."),
        "raw_exposures": integer("How many variants of flags there were that the user got."),
        "visits": integer("How many visits there were, or are less than they were."),
    },
)
ERASED: dict[str, Any] = {
    "object": "analytics.data.deleted",
    "project": "proj_Q8k3B8bEGSVWyjnsRXuHRdI4",
    "deleted": True,
    "events": 12,
    "rejected_events": 1,
    "raw_exposures": 0,
    "visits": 2,
}
UNNAMED: Mapping[int, Examples] = {
    400: {
        **NAMELESS[400],
        "Nobody named": ValidationError({"session_id": ["Name a session, or a user by user_id."]}, code="required"),
    },
    403: {"Scope missing": ScopeMissing(("events.erase",))},
}
UNSCOPED: Mapping[int, Examples] = {
    400: {
        **NAMELESS[400],
        "Too many hours": ValidationError({"hours": [f"It must be from 1 to {MOST_HOURS}."]}, code="invalid_value"),
    },
    403: {"Scope missing": ScopeMissing(("usage.read",))},
}
DOCUMENTED = (
    extend_schema_view(
        get=extend_schema(
            operation_id="retrieveAnalyticsMetrics",
            summary="What happened within the last hours",
            tags=[TAG],
            request=None,
            parameters=[PROJECT, HOURS],
            responses={
                200: OpenApiResponse(MetricsShape, description="The counts.", examples=answers({"A day": METRICS})),
                **responses(EVERY, UNSCOPED, descriptions=OWN_DESCRIPTIONS),
            },
        )
    )(MetricsView),
    extend_schema_view(
        delete=extend_schema(
            operation_id="deleteAnalyticsData",
            summary="Erase what is kept of a session or a user",
            tags=[TAG],
            request=None,
            parameters=[PROJECT, SESSION, PERSON],
            responses={
                200: OpenApiResponse(ErasedShape, description="It is done.", examples=answers({"A session": ERASED})),
                **responses(EVERY, UNNAMED, descriptions=OWN_DESCRIPTIONS),
            },
        )
    )(ErasureView),
    extend_schema_view(
        get=extend_schema(
            operation_id="retrieveAnalyticsPrivacy",
            summary="What is done with events",
            tags=[TAG],
            request=None,
            parameters=[PROJECT],
            responses={
                200: OpenApiResponse(
                    PrivacyShape, description="The statement.", examples=answers({"With the defaults": PRIVACY})
                ),
                **responses(EVERY, NAMELESS, descriptions=OWN_DESCRIPTIONS),
            },
        )
    )(PrivacyView),
)
"""Those views, described: decorating changes them where they are."""
