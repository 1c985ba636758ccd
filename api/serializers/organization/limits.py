"""Rate limits, spend limits and model permissions on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_serializer

from accounts.models.limits import MAX_VALUE
from api.administration.model_permissions import Policy
from api.administration.rate_limits import (
    REQUESTS_A_DAY,
    REQUESTS_A_MINUTE,
    SHOWN,
    TOKENS_A_MINUTE,
    Limit,
    ModelLimits,
)
from api.administration.spend_limits import MOST_CENTS, SpendLimit
from api.models import ModelPermissions
from api.serializers.fields import Integer, OneOf
from api.serializers.organization.bodies import NULLABLE, Body, Texts

MOST_MODELS = 1000
NAMES: dict[Limit, str] = {
    REQUESTS_A_MINUTE: "max_requests_per_1_minute",
    TOKENS_A_MINUTE: "max_tokens_per_1_minute",
    REQUESTS_A_DAY: "max_requests_per_1_day",
}
"""What the wire calls them."""
LIMIT: dict[str, Any] = {**NULLABLE, "min_value": 0, "max_value": MAX_VALUE}


@extend_schema_serializer(component_name="ProjectRateLimitUpdate")
class RateLimitUpdateSerializer(Body):
    """What changes of a rate limit; what is absent or null stays. Limits on images, audio and batches are not
    supported."""

    unsupported = frozenset(
        {"batch_1_day_max_input_tokens", "max_audio_megabytes_per_1_minute", "max_images_per_1_minute"}
    )
    max_requests_per_1_minute = Integer(**LIMIT)
    max_tokens_per_1_minute = Integer(**LIMIT)
    max_requests_per_1_day = Integer(**LIMIT)


@extend_schema_serializer(component_name="UpdateSpendLimit")
class SpendLimitSerializer(Body):
    """The most to be spent in a month of UTC."""

    threshold_amount = Integer(min_value=1, max_value=MOST_CENTS, help_text="In whole cents.")
    currency = OneOf(choices=["USD"])
    interval = OneOf(choices=["month"])


@extend_schema_serializer(component_name="ProjectModelPermissionsUpdate")
class ModelPermissionsSerializer(Body):
    """Which models a project may use."""

    mode = OneOf(choices=ModelPermissions.Mode.values)
    model_ids = Texts(
        max_length=MOST_MODELS, help_text="Ids of models, which are meant with their aliases; or aliases."
    )


_rates, _spending, _permissions = RateLimitUpdateSerializer(), SpendLimitSerializer(), ModelPermissionsSerializer()


def parse_rate_limits(body: dict[str, Any]) -> dict[Limit, int]:
    """The limits that change."""
    values = _rates.parse(body)
    return {limit: values[name] for limit, name in NAMES.items() if name in values}


def parse_spend_limit(body: dict[str, Any]) -> int:
    """The limit in cents."""
    cents: int = _spending.parse(body)["threshold_amount"]
    return cents


def parse_model_permissions(body: dict[str, Any]) -> Policy:
    values = _permissions.parse(body)
    return Policy(values["mode"], values["model_ids"])


def rate_limit_object(limits: ModelLimits) -> dict[str, Any]:
    """`ProjectRateLimit`; the limit of a day only where there is one."""
    return {
        "id": limits.id,
        "object": "project.rate_limit",
        "model": limits.model,
        **{NAMES[limit]: limits.values[limit] for limit in SHOWN if limit in limits.values},
    }


def spend_limit_object(kind: str, limit: SpendLimit) -> dict[str, Any]:
    """`OrganizationSpendLimitResource` or `ProjectSpendLimitResource`; `kind` is the object's type."""
    return {
        "object": kind,
        "threshold_amount": limit.cents,
        "currency": "USD",
        "interval": "month",
        "enforcement": {"status": "enforcing" if limit.used_up else "inactive"},
    }


def model_permissions_object(policy: Policy) -> dict[str, Any]:
    """`ProjectModelPermissions`."""
    return {"object": "project.model_permissions", "mode": policy.mode, "model_ids": list(policy.model_ids)}
