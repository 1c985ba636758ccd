"""The shape of the answer of GET /api/analytics/metrics, its parameter and an example, for the OpenAPI document."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from analytics.views.metrics import MOST_HOURS, USUAL_HOURS
from api.schema.shapes import Field, constant, integer, shape, text

HOURS: Final = OpenApiParameter(
    "hours",
    {"type": "integer", "minimum": 1, "maximum": MOST_HOURS, "default": USUAL_HOURS},
    OpenApiParameter.QUERY,
    description="How many hours, whole ones of UTC; the last is the one that is under way.",
)


def named(name: str, member: str, description: str) -> Field:
    """A list of counts, each of what `member` says."""
    fields = {member: text(description), "count": integer("How many there were.")}
    return serializers.ListField(child=shape(name, "A count.", fields)(), help_text="Most first.")


EventsShape = shape(
    "AnalyticsMetricsEvents",
    "Events, by when they happened.",
    {
        "total": integer("How many happened."),
        "names": integer("Of how many names."),
        "by_name": named("AnalyticsMetricsName", "name", "The name: one of the hundred with the most events."),
    },
)
ReceivedShape = shape(
    "AnalyticsMetricsReceived",
    "What became of what was sent, by when it came in.",
    {
        "accepted": integer("How many were accepted."),
        "duplicates": integer("How many were there already."),
        "rejected": integer("How many were rejected. Those of which nothing may be kept are not counted."),
        "rejected_by_reason": named("AnalyticsMetricsReason", "reason", "The code of the result of such an event."),
    },
)
ErrorsShape = shape(
    "AnalyticsMetricsErrors",
    "Requests that did not end well.",
    {
        "failed": integer("With a status from 500 on."),
        "refused": integer("With one from 400 on."),
        "hung_up": integer("Whose caller hung up."),
    },
)
CostShape = shape(
    "AnalyticsMetricsCost",
    "What they cost, at the price of the moment of each.",
    {"value": serializers.FloatField(help_text="How much."), "currency": constant("usd")},
)
UsageShape = shape(
    "AnalyticsMetricsUsage",
    "Requests that reached a model, by when they came in.",
    {
        "requests": integer("How many there were."),
        "errors": ErrorsShape(),
        "input_tokens": integer("Tokens of what was asked."),
        "input_cached_tokens": integer("Those of them that came from a cache."),
        "output_tokens": integer("Tokens of the answers."),
        "cost": CostShape(),
    },
)
MetricsShape = shape(
    "AnalyticsMetrics",
    "What happened in a project within some hours.",
    {
        "object": constant("analytics.metrics"),
        "project": text("The id of the project."),
        "hours": integer("How many hours."),
        "start_time": integer("Since when, in seconds since 1970."),
        "end_time": integer("Until when: the end of the hour that is under way."),
        "events": EventsShape(),
        "received": ReceivedShape(),
        "usage": UsageShape(),
    },
)
METRICS: dict[str, Any] = {
    "object": "analytics.metrics",
    "project": "proj_Q8k3B8bEGSVWyjnsRXuHRdI4",
    "hours": 24,
    "start_time": 1764309600,
    "end_time": 1764396000,
    "events": {
        "total": 1210,
        "names": 2,
        "by_name": [{"name": "page_view", "count": 1040}, {"name": "cta_clicked", "count": 170}],
    },
    "received": {
        "accepted": 1210,
        "duplicates": 31,
        "rejected": 4,
        "rejected_by_reason": [{"reason": "unknown_event", "count": 4}],
    },
    "usage": {
        "requests": 412,
        "errors": {"failed": 2, "refused": 5, "hung_up": 1},
        "input_tokens": 248120,
        "input_cached_tokens": 51000,
        "output_tokens": 98740,
        "cost": {"value": 2.72, "currency": "usd"},
    },
}
