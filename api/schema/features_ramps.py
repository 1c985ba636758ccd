"""What the OpenAPI document says of ramps, under /api/features."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_view
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from accounts.exceptions import Conflicting, NotThere
from api.schema.errors import Examples
from api.schema.features import CHANGED, FLAG, IF_MATCH, KEY, MATCHED, PLACE, SENT, operation
from api.schema.features_shapes import switch
from api.schema.organization_shapes import MOMENT, moment, one_of
from api.schema.shapes import NULLABLE, OPTIONAL, constant, integer, requests, shape, text
from features.models.ramps import Status
from features.views.ramps import PauseView, RampView, ResumeView


def number(description: str, **options: Any) -> serializers.FloatField:
    return serializers.FloatField(help_text=description, **options)


Step = shape(
    "FeatureRampStep",
    "A share, and since when.",
    {
        "percent": number("Of the callers whom no other rule answers."),
        "at": integer("When, in seconds since 1970."),
        "done": switch("Whether it is behind the ramp."),
    },
)
Ramp = shape(
    "FeatureRamp",
    "The share of a variant that grows by itself, in one environment.",
    {
        "id": text("The key of the flag."),
        "object": constant("feature.ramp"),
        "environment": text("Where."),
        "variant": text("Whose share grows."),
        "rest": text("What the others get."),
        "status": one_of(*Status.values, help_text="Only a running one goes on."),
        "reason": text("Why it stands, or was halted.", **NULLABLE),
        "percent": number("The share that it reached."),
        "steps": Step(many=True),
        "next_at": moment("When the next step is due, in seconds since 1970; null where there is none."),
        "created_at": integer("When it was set up, in seconds since 1970."),
    },
)
NewStep = shape(
    "SetFeatureRampStep",
    "A share, and from when on.",
    {
        "percent": number("Above 0, up to 100, with up to three decimals; more than the step before."),
        "at": number("When, in seconds since 1970; later than the step before. The first is due at once without.",
                     **OPTIONAL),
    },
)  # fmt: skip
SetRamp = shape(
    "SetFeatureRamp",
    "A ramp in the place of the one that there is.",
    {
        "variant": text("Whose share grows."),
        "rest": text("What the others get; else the default variant.", **NULLABLE, **OPTIONAL),
        "steps": NewStep(many=True),
    },
)
PauseRamp = shape("PauseFeatureRamp", "Why.", {"reason": text("For the audit log.", max_length=500, allow_blank=True)})
RAMP: dict[str, Any] = {
    "id": "assistant-model",
    "object": "feature.ramp",
    "environment": "production",
    "variant": "next",
    "rest": "current",
    "status": "running",
    "reason": None,
    "percent": 5.0,
    "steps": [
        {"percent": 5.0, "at": MOMENT, "done": True},
        {"percent": 25.0, "at": MOMENT + 3600, "done": False},
        {"percent": 100.0, "at": MOMENT + 90_000, "done": False},
    ],
    "next_at": MOMENT + 3600,
    "created_at": MOMENT,
}
STANDS = {**RAMP, "status": "paused", "reason": "Over the weekend."}


def gone(of: str, name: str) -> tuple[Any, dict[str, Any]]:
    """The answer of taking something away, and an example."""
    fields = {"id": text(), "object": constant(of), "environment": text("Where."), "deleted": switch("Yes.")}
    example = {"id": "assistant-model", "object": of, "environment": "production", "deleted": True}
    return shape(name, "It is gone.", fields), {"Gone": example}


NO_RAMP: Mapping[int, Examples] = {404: {"No ramp": NotThere("ramp of feature", "assistant-model")}}
PROTECTED: Mapping[int, Examples] = {403: CHANGED[403]}
GROWS: Mapping[int, Examples] = {
    400: {
        "Not growing": ValidationError(
            {"steps[1]": ["It must be more than the 25 % before: a ramp only grows."]}, "invalid_value"
        )
    }
}
STOOD: Mapping[int, Examples] = {
    409: {"Not running": Conflicting("The ramp is halted, and not running.", code="ramp_not_running")}
}
STILL: Mapping[int, Examples] = {
    409: {
        "Running": Conflicting("The ramp is running, and does not stand.", code="ramp_not_stopped"),
        "Flag off": Conflicting("The flag is off: switch it on first.", code="ramp_cannot_resume"),
    }
}
HERE: Any = {"parameters": [KEY, *PLACE]}
DOCUMENTED = (
    extend_schema_view(
        get=operation("retrieveFeatureRamp", "Retrieve a ramp", (Ramp, {"A ramp": RAMP}), FLAG, NO_RAMP, **HERE),
        put=operation(
            "setFeatureRamp",
            "Set a ramp up",
            (Ramp, {"A ramp": RAMP}),
            SENT,
            FLAG,
            PROTECTED,
            GROWS,
            MATCHED,
            request=SetRamp,
            examples=requests(
                {
                    "In two days": {
                        "variant": "next",
                        "steps": [
                            {"percent": 5},
                            {"percent": 25, "at": MOMENT + 3600},
                            {"percent": 100, "at": MOMENT + 90_000},
                        ],
                    }
                }
            ),
            parameters=[KEY, *PLACE, IF_MATCH],
        ),
        delete=operation(
            "deleteFeatureRamp",
            "Take a ramp away",
            gone("feature.ramp.deleted", "FeatureRampDeleted"),
            FLAG,
            PROTECTED,
            NO_RAMP,
            **HERE,
        ),
    )(RampView),
    extend_schema_view(
        post=operation(
            "pauseFeatureRamp",
            "Make a ramp stand",
            (Ramp, {"It stands": STANDS}),
            SENT,
            FLAG,
            PROTECTED,
            NO_RAMP,
            STOOD,
            request=PauseRamp,
            examples=requests({"A reason": {"reason": "Over the weekend."}}),
            **HERE,
        )
    )(PauseView),
    extend_schema_view(
        post=operation(
            "resumeFeatureRamp",
            "Have a ramp go on",
            (Ramp, {"It goes on": RAMP}),
            FLAG,
            PROTECTED,
            NO_RAMP,
            STILL,
            **HERE,
        )
    )(ResumeView),
)
"""Those views, described: decorating changes them where they are."""
