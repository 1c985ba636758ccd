"""What the OpenAPI document says of limits and model permissions: more decorators of the Admin API's views."""

from collections.abc import Mapping

from api import exceptions as wire
from api.schema import organization_shapes as shapes
from api.schema.errors import Examples
from api.schema.organization import AFTER, BEFORE, IN_PROJECT, deletion, limit, operation
from api.serializers.organization import limits

NOT_SET: Mapping[int, Examples] = {404: {"Not set": wire.NotFound("spend limit")}}
CENTS = {"Five hundred dollars": {"threshold_amount": 50_000, "currency": "USD", "interval": "month"}}
OF_ORGANIZATION = {"object": "organization.spend_limit", **shapes.SPEND_LIMIT}
OF_PROJECT = {"object": "project.spend_limit", **shapes.SPEND_LIMIT}

list_rate_limits = operation(
    "list-project-rate-limits",
    "List the rate limits of a project",
    shapes.listed("ProjectRateLimitListResponse", shapes.RateLimit),
    shapes.page(shapes.RATE_LIMIT),
    inside=IN_PROJECT,
    query=[AFTER, BEFORE, limit(100)],
)
update_rate_limits = operation(
    "update-project-rate-limits",
    "Limit a model in a project",
    shapes.RateLimit,
    shapes.RATE_LIMIT,
    inside=(*IN_PROJECT, "rate_limit_id"),
    body=(
        limits.RateLimitUpdateSerializer,
        {
            "A minute": {"max_requests_per_1_minute": 600, "max_tokens_per_1_minute": 100_000},
            "A day": {"max_requests_per_1_day": 10_000},
        },
    ),
)
get_organization_spend_limit = operation(
    "Getorganizationspendlimit",
    "Retrieve the spend limit of the organisation",
    shapes.OrganizationSpendLimit,
    OF_ORGANIZATION,
    also=NOT_SET,
)
update_organization_spend_limit = operation(
    "Updateorganizationspendlimit",
    "Set the spend limit of the organisation",
    shapes.OrganizationSpendLimit,
    OF_ORGANIZATION,
    body=(limits.SpendLimitSerializer, CENTS),
)
delete_organization_spend_limit = operation(
    "Deleteorganizationspendlimit",
    "Remove the spend limit of the organisation",
    shapes.deletion("OrganizationSpendLimitDeleted", "organization.spend_limit", named=False),
    deletion("organization.spend_limit"),
    also=NOT_SET,
)
get_project_spend_limit = operation(
    "Getprojectspendlimit",
    "Retrieve the spend limit of a project",
    shapes.ProjectSpendLimit,
    OF_PROJECT,
    inside=IN_PROJECT,
    also=NOT_SET,
)
update_project_spend_limit = operation(
    "Updateprojectspendlimit",
    "Set the spend limit of a project",
    shapes.ProjectSpendLimit,
    OF_PROJECT,
    inside=IN_PROJECT,
    body=(limits.SpendLimitSerializer, CENTS),
)
delete_project_spend_limit = operation(
    "Deleteprojectspendlimit",
    "Remove the spend limit of a project",
    shapes.deletion("ProjectSpendLimitDeleted", "project.spend_limit", named=False),
    deletion("project.spend_limit"),
    inside=IN_PROJECT,
    also=NOT_SET,
)
retrieve_model_permissions = operation(
    "retrieve-project-model-permissions",
    "Retrieve which models a project may use",
    shapes.ModelPermissions,
    shapes.MODEL_PERMISSIONS,
    inside=IN_PROJECT,
)
update_model_permissions = operation(
    "update-project-model-permissions",
    "Choose which models a project may use",
    shapes.ModelPermissions,
    shapes.MODEL_PERMISSIONS,
    inside=IN_PROJECT,
    body=(
        limits.ModelPermissionsSerializer,
        {
            "Only these": {"mode": "allow_list", "model_ids": ["lukhas-chat-1"]},
            "All but these": {"mode": "deny_list", "model_ids": ["lukhas-echo-1"]},
        },
    ),
)
delete_model_permissions = operation(
    "delete-project-model-permissions",
    "Let a project use every model",
    shapes.deletion("ProjectModelPermissionsDeleted", "project.model_permissions", named=False),
    deletion("project.model_permissions"),
    inside=IN_PROJECT,
)
