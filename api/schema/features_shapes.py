"""The shapes and examples of /api/features: flags, what they answer, and what was done to them."""

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.views.audit import ACTORS, SOURCES
from api.schema.organization_shapes import MOMENT, one_of
from api.schema.shapes import NULLABLE, OPTIONAL, constant, integer, shape, text
from features.definitions import ALGORITHMS, KINDS

REASONS = ("STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED", "ERROR")
CODES = ("TARGETING_KEY_MISSING", "INVALID_CONTEXT", "GENERAL")


@extend_schema_field({"description": "Of the kind of the flag; null where there is no value.", "nullable": True})
class AnyField(serializers.JSONField):
    """A value of any kind."""


@extend_schema_field({"type": "object", "additionalProperties": {}})
class ObjectField(serializers.JSONField):
    """An object with any members."""


@extend_schema_field({"type": "array", "items": {"type": "object", "additionalProperties": {}}})
class ObjectsField(serializers.JSONField):
    """A list of such."""


def switch(description: str, **options: Any) -> serializers.BooleanField:
    return serializers.BooleanField(help_text=description, **options)


def tags(**options: Any) -> serializers.ListField:
    return serializers.ListField(child=text(max_length=200), help_text="For people to find it by.", **options)


def of_state(**more: Any) -> dict[str, Any]:
    return {
        "enabled": switch("The switch.", **more),
        "off_variant": text("Answers while it is off; null: the client's own default counts.", **NULLABLE, **more),
        "default_variant": text("Answers where no rule does; null likewise.", **NULLABLE, **more),
        "rules": ObjectsField(help_text="In order; the first one that holds answers.", **more),
        "prerequisites": ObjectsField(help_text="Other flags, and what they must answer.", **more),
    }


def of_flag(**more: Any) -> dict[str, Any]:
    return {
        "kind": one_of(*KINDS, help_text="What its values are.", **more),
        "variants": ObjectField(help_text="Its values, by name.", **more),
        "description": text("For people.", max_length=2000, allow_blank=True, **more),
        "owner": text("Whom to ask.", max_length=200, allow_blank=True, **more),
        "ticket": text("Where it is planned.", max_length=200, allow_blank=True, **more),
        "tags": tags(**more),
        "permanent": switch("Meant to stay: never called stale.", **more),
        "archived": switch("Out of sight; it answers as before.", **more),
        "raw_exposures": switch("Who got which variant is kept, too, by keyed hashes.", **more),
        "algorithm": one_of(*ALGORITHMS, help_text="How splits place callers.", **more),
        "salt": text("What splits hash with each caller.", max_length=200, **more),
        "metadata": ObjectField(help_text="Goes to clients with every answer.", **more),
    }


Environments = serializers.DictField
State = shape("FeatureState", "A flag in one environment.", of_state())
StateInput = shape("FeatureStateInput", "A flag in one environment. What is left out stays.", of_state(**OPTIONAL))
Feature = shape(
    "Feature",
    "A feature flag, with its state in each environment that the caller sees.",
    {
        "id": text("Its key."),
        "object": constant("feature"),
        "key": text("Its name."),
        **of_flag(),
        "environments": Environments(child=State()),
        "created_at": integer("When it was made, in seconds since 1970."),
        "changed_at": integer("When anything of it was changed last, in seconds since 1970."),
    },
)
CreateFeature = shape(
    "CreateFeature",
    "A new flag. Only the key is needed: it is boolean, with the variants `on` and `off`, and switched off.",
    {
        "key": serializers.RegexField(r"^[A-Za-z0-9._-]{1,100}$", help_text="Its name, for good."),
        **of_flag(**OPTIONAL),
        "environments": Environments(child=StateInput(), **OPTIONAL),
    },
)
UpdateFeature = shape(
    "UpdateFeature",
    "What is to change; what is left out stays. Rules, variants, tags and the like are replaced whole.",
    {
        "key": text("Its key; another one is refused.", **OPTIONAL),
        **of_flag(**OPTIONAL),
        "environments": Environments(child=StateInput(), **OPTIONAL),
    },
)
Context = shape("FeatureContext", "Who is asking.", {"context": ObjectField(help_text="`targetingKey`, and others.")})
Kill = shape("KillFeature", "Why.", {"reason": text("For the audit log.", max_length=500)})
Restore = shape("RestoreFeature", "Which change.", {"event": text("The id of a change, from the history.")})
Deleted = shape(
    "FeatureDeleted", "It is gone.", {"id": text(), "object": constant("feature.deleted"), "deleted": switch("Yes.")}
)
Failure = shape("FeatureFailure", "Why there is no answer.", {"code": one_of(*CODES), "message": text()})
ANSWERED: Mapping[str, Any] = {
    "object": constant("feature.evaluation"),
    "key": text(),
    "environment": text("Where it was evaluated."),
    "value": AnyField(**NULLABLE),
    "variant": text("The name of the value; null: the client's own default counts.", **NULLABLE),
    "reason": one_of(*REASONS),
    "metadata": ObjectField(),
    "error": Failure(**NULLABLE),
}
Evaluation = shape("FeatureEvaluation", "What a flag answers.", ANSWERED)
Step = shape(
    "FeatureStep",
    "One thing that was looked at. It holds no value of the context.",
    {"place": text("Where, in the state.", allow_blank=True), "held": switch("Whether it held."), "why": text()},
)
Explanation = shape(
    "FeatureExplanation",
    "What a flag answers, and why.",
    {**ANSWERED, "rule": integer("The rule that answered, from 0.", **NULLABLE), "trace": Step(many=True)},
)
SIDE: Any = {"help_text": "All that is recorded on this side of the change; null where there was nothing.", **NULLABLE}
Event = shape(
    "FeatureEvent",
    "A change of a flag, or of its state in an environment.",
    {
        "id": text(),
        "object": constant("feature.event"),
        "type": text("`flag.updated`, `flag.state.updated` and so on."),
        "effective_at": integer("When, in seconds since 1970."),
        "source": one_of(*SOURCES),
        "actor": shape(
            "FeatureActor",
            "Who did it.",
            {"type": one_of(*ACTORS), "name": text("Null for keys of projects, which see no people.", **NULLABLE)},
        )(),
        "environment": text("Of a state, where it is.", **NULLABLE),
        "reason": text("If somebody said why.", **NULLABLE),
        "before": ObjectField(**SIDE),
        "after": ObjectField(**SIDE),
        "changed": serializers.ListField(child=text(), help_text="The fields that differ."),
    },
)


def page_of(name: str, description: str, item: Any) -> Any:
    return shape(
        name,
        description,
        {
            "object": constant("list"),
            "data": item(many=True),
            "first_id": text("The id of the first.", **NULLABLE),
            "last_id": text("The id of the last.", **NULLABLE),
            "has_more": switch("Whether there are older ones."),
        },
    )


Features = page_of("FeatureList", "A page of flags, the newest first.", Feature)
Events = page_of("FeatureEventList", "A page of changes, the latest first.", Event)

SPLIT = {"weights": [{"variant": "on", "weight": 1}, {"variant": "off", "weight": 9}]}
RULES = [{"name": "rollout", "split": SPLIT}]
STATE: dict[str, Any] = {
    "enabled": True,
    "off_variant": "off",
    "default_variant": "on",
    "rules": [{"name": "rollout", "split": {**SPLIT, "total": 10}}],
    "prerequisites": [],
}
FEATURE: dict[str, Any] = {
    "id": "new-ui",
    "object": "feature",
    "key": "new-ui",
    "kind": "boolean",
    "variants": {"on": True, "off": False},
    "description": "The new start page.",
    "owner": "ann",
    "ticket": "UI-7",
    "tags": ["ui"],
    "permanent": False,
    "archived": False,
    "raw_exposures": False,
    "algorithm": "flagd-v2",
    "salt": "new-ui",
    "metadata": {},
    "environments": {"production": STATE},
    "created_at": MOMENT,
    "changed_at": MOMENT + 60,
}
ANSWER: dict[str, Any] = {
    "object": "feature.evaluation",
    "key": "new-ui",
    "environment": "production",
    "value": False,
    "variant": "off",
    "reason": "SPLIT",
    "metadata": {},
    "error": None,
}
NO_ANSWER = {
    **ANSWER,
    "value": None,
    "variant": None,
    "reason": "ERROR",
    "error": {"code": "TARGETING_KEY_MISSING", "message": "targetingKey is missing"},
}
TRACE = [
    {"place": "enabled", "held": True, "why": "on in production"},
    {"place": "rules[0].split", "held": True, "why": "targetingKey is at 7 of 10 by flagd-v2"},
]
SIDES = {name: STATE[name] for name in ("off_variant", "default_variant", "rules", "prerequisites")}
EVENT: dict[str, Any] = {
    "id": "audit_log-Wq9ErTy3UiOp6AsDf1GhJk4L",
    "object": "feature.event",
    "type": "flag.state.updated",
    "effective_at": MOMENT,
    "source": "api",
    "actor": {"type": "user", "name": "ada@example.com"},
    "environment": "production",
    "reason": "Checkout fails.",
    "before": {"enabled": True, **SIDES},
    "after": {"enabled": False, **SIDES},
    "changed": ["enabled"],
}


def listed(item: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": [item], "first_id": item["id"], "last_id": item["id"], "has_more": False}
