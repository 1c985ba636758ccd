"""What the OpenAPI document says of rollout guards, under /api/features."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.exceptions import NotThere
from analytics.thresholds import ABOVE, BY_NAME, MOST, THRESHOLDS, TIMES
from analytics.views.guards import GuardView
from api.schema.errors import Examples
from api.schema.features import FLAG, SENT, operation
from api.schema.features_ramps import HERE, PROTECTED, gone, number
from api.schema.features_shapes import switch
from api.schema.organization_shapes import MOMENT, moment, one_of
from api.schema.shapes import NULLABLE, OPTIONAL, constant, integer, requests, shape, text


def thresholds(**options: Any) -> Any:
    """All of them: shares in per cent, times in seconds, money in US dollars."""
    told = {MOST: "At most.", ABOVE: "At most so many points above the control.", TIMES: "At most times the control's."}
    fields = {name: number(told[name.rpartition("_")[2]], **OPTIONAL) for name in THRESHOLDS}
    return shape("RolloutThresholds", "Per cent, seconds and US dollars a request; those that are set.", fields)(
        **options
    )


Decided = shape(
    "RolloutTurnedBack",
    "A rollout that was turned back, and the numbers that decided, in units of the thresholds.",
    {
        "id": text(),
        "object": constant("feature.turn_back"),
        "turned_at": integer("When, in seconds since 1970."),
        "variant": text("Which was worse."),
        "control": text("What it was compared to."),
        "metric": one_of(*BY_NAME),
        "threshold": one_of(MOST, ABOVE, TIMES),
        "value": number("The variant's."),
        "limit": number("What it was to be at most."),
        "requests": integer("Of the variant."),
        "control_value": number("The control's; null where it had too few requests.", **NULLABLE),
        "control_requests": integer("Of the control, in the same minutes."),
        "start": integer("When the first of these minutes began."),
        "end": integer("When the last was over."),
        "reason": text("In words, as on the audit log."),
    },
)
GUARD_FIELDS: Mapping[str, Any] = {
    "id": text(),
    "object": constant("feature.guard"),
    "feature": text("The key of the flag."),
    "environment": text("Where."),
    "control": text("The variant that the others are compared to."),
    "minutes": integer("For how long a variant has to be worse."),
    "min_requests": integer("With fewer it is not judged."),
    "thresholds": thresholds(),
    "recipients": serializers.ListField(
        child=serializers.EmailField(), help_text="Who gets a mail; null for keys of projects.", **NULLABLE
    ),
    "subject_prefix": text("What the subject begins with.", allow_blank=True),
    "webhook": switch("Whether a webhook is told, too."),
    "looked_at": moment("When it looked last, in seconds since 1970."),
    "looked": text("What it saw then.", **NULLABLE),
    "created_at": integer("When it was made, in seconds since 1970."),
    "turned_back": Decided(many=True, help_text="The latest twenty."),
}
Guard = shape("RolloutGuard", "What watches the variants of a flag in one environment.", GUARD_FIELDS)
NewGuard = shape(
    "RolloutGuardSet",
    "The guard as it is now, and the secret of its webhook where that is new.",
    {**GUARD_FIELDS, "webhook_secret": text("Shown this once.", **OPTIONAL)},
)
SetGuard = shape(
    "SetRolloutGuard",
    "All of the guard: what is left out is as at first; but a webhook that is not named stays.",
    {
        "control": text("Empty: the default variant.", allow_blank=True, **OPTIONAL),
        "minutes": integer("1 to 60; 5 at first.", min_value=1, max_value=60, **OPTIONAL),
        "min_requests": integer("From 30; 100 at first.", min_value=30, max_value=1_000_000, **OPTIONAL),
        "thresholds": thresholds(),
        "recipients": serializers.ListField(child=serializers.EmailField(), max_length=50, **OPTIONAL),
        "subject_prefix": text("For mails.", max_length=100, allow_blank=True, **OPTIONAL),
        "webhook_url": text("Empty takes it away.", max_length=500, allow_blank=True, **OPTIONAL),
    },
)
TURNED: dict[str, Any] = {
    "id": "turned_Kb2mVw8Rq1ZtXc5NhJd7Ls3P",
    "object": "feature.turn_back",
    "turned_at": MOMENT + 310,
    "variant": "next",
    "control": "current",
    "metric": "error_rate",
    "threshold": "above",
    "value": 12.0,
    "limit": 3.1,
    "requests": 250,
    "control_value": 1.1,
    "control_requests": 4750,
    "start": MOMENT,
    "end": MOMENT + 300,
    "reason": "Rollout guard: the error rate of next was 12.0 % in 250 requests; the limit was 3.1 %, 2 points above "
    "that of current. current had 1.1 % in 4750 requests.",
}
GUARD: dict[str, Any] = {
    "id": "guard_Tg5RfVb4Ec3WsXz2QaYhN6Uj",
    "object": "feature.guard",
    "feature": "assistant-model",
    "environment": "production",
    "control": "current",
    "minutes": 5,
    "min_requests": 100,
    "thresholds": {"error_rate_above": 2.0, "latency_p95_times": 1.5},
    "recipients": ["ops@example.com"],
    "subject_prefix": "",
    "webhook": False,
    "looked_at": MOMENT + 400,
    "looked": "assistant-model is off.",
    "created_at": MOMENT,
    "turned_back": [TURNED],
}


NO_GUARD: Mapping[int, Examples] = {404: {"No guard": NotThere("guard of feature", "assistant-model")}}
UNFIT: Mapping[int, Examples] = {
    400: {"Never so": ValidationError({"thresholds.error_rat": ["It is not known here."]}, "unknown_parameter")}
}
DOCUMENTED = (
    extend_schema_view(
        get=operation("retrieveRolloutGuard", "Retrieve a guard", (Guard, {"A guard": GUARD}), FLAG, NO_GUARD, **HERE),
        put=operation(
            "setRolloutGuard",
            "Set a guard",
            (
                NewGuard,
                {
                    "A guard": {**GUARD, "turned_back": []},
                    "A new webhook": {
                        **GUARD,
                        "turned_back": [],
                        "webhook": True,
                        "webhook_secret": "whsec_WwssYm81faa526Kidl8YAV/d/BWtyCTK8S/knDC944E=",
                    },
                },
            ),
            SENT,
            FLAG,
            PROTECTED,
            UNFIT,
            request=SetGuard,
            examples=requests(
                {
                    "Errors and latency": {
                        "thresholds": {"error_rate_above": 2, "latency_p95_times": 1.5},
                        "recipients": ["ops@example.com"],
                    }
                }
            ),
            **HERE,
        ),
        delete=operation(
            "deleteRolloutGuard",
            "Take a guard away",
            gone("feature.guard.deleted", "RolloutGuardDeleted"),
            FLAG,
            PROTECTED,
            NO_GUARD,
            **HERE,
        ),
    )(GuardView),
)
"""Those views, described: decorating changes them where they are."""
