"""Every endpoint of the Admin API as the URLconf has it, and how a test calls it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern

from accounts.models import Budget, Membership, ProjectMembership, User
from analytics.draining import store
from api.administration.rate_limits import rate_limit_id
from api.administration.roles import Where, role_id
from api.views.organization.urls import project_urlpatterns, urlpatterns
from tests.api.organization.conftest import World
from tests.api.organization.used import DAY, used

METHODS = ("get", "post", "put", "patch", "delete")
SPENDING = {"threshold_amount": 5_000, "currency": "USD", "interval": "month"}
ALERT = {**SPENDING, "notification_channel": {"type": "email", "recipients": ["finance@example.com"]}}

QUERIES = {"usage": f"?start_time={DAY}&group_by=project_id"}
"""What endpoints need in their query, by the first word of their names."""


@dataclass(frozen=True)
class Example:
    """A good request: its body, and what has to be there before. `secret` says that the answer shows a key."""

    body: dict[str, Any] | Callable[[World], dict[str, Any]] | None = None
    prepare: Callable[[World], object] = field(default=lambda world: None)
    secret: bool = False

    def sent(self, world: World) -> dict[str, Any] | None:
        """The body, for the objects of this organisation."""
        return self.body(world) if callable(self.body) else self.body


def _limit_organization(world: World) -> None:
    Budget.objects.put(world.organization, {"amount": 10}, period="month")


def _limit_project(world: World) -> None:
    Budget.objects.put(world.project, {"amount": 10}, period="month")


def _hire(world: World) -> None:
    """Somebody who is in the organisation and in none of its projects."""
    user, _ = User.objects.get_or_create(username="new", email="new@example.com")
    Membership.objects.create(user=user, organization=world.organization, role="member")


def _assign(world: World) -> None:
    member = Membership.objects.get(user=world.member, organization=world.organization)
    ProjectMembership.objects.create(membership=member, project=world.project, role="member")


def _role(where: Where) -> Callable[[World], dict[str, Any]]:
    return lambda world: {"role_id": role_id(world.organization.public_id, where, "viewer")}


def _use(world: World) -> None:
    store([used(world)])


EXAMPLES: dict[tuple[str, str], Example] = {
    ("admin-api-keys", "get"): Example(),
    ("admin-api-keys", "post"): Example({"name": "automation"}, secret=True),
    ("admin-api-key", "get"): Example(),
    ("admin-api-key", "delete"): Example(),
    ("audit-logs", "get"): Example(),
    ("usage-completions", "get"): Example(prepare=_use),
    ("usage-embeddings", "get"): Example(prepare=_use),
    ("usage-moderations", "get"): Example(prepare=_use),
    ("usage-images", "get"): Example(prepare=_use),
    ("usage-audio-speeches", "get"): Example(prepare=_use),
    ("usage-audio-transcriptions", "get"): Example(prepare=_use),
    ("usage-vector-stores", "get"): Example(prepare=_use),
    ("usage-code-interpreter-sessions", "get"): Example(prepare=_use),
    ("usage-file-search-calls", "get"): Example(prepare=_use),
    ("usage-web-search-calls", "get"): Example(prepare=_use),
    ("usage-costs", "get"): Example(prepare=_use),
    ("organization-spend-limit", "get"): Example(prepare=_limit_organization),
    ("organization-spend-limit", "post"): Example(SPENDING),
    ("organization-spend-limit", "delete"): Example(prepare=_limit_organization),
    ("organization-spend-alerts", "get"): Example(),
    ("organization-spend-alerts", "post"): Example(ALERT),
    ("organization-spend-alert", "get"): Example(),
    ("organization-spend-alert", "post"): Example(ALERT),
    ("organization-spend-alert", "delete"): Example(),
    ("organization-data-retention", "get"): Example(),
    ("organization-data-retention", "post"): Example({"retention_type": "zero_data_retention"}),
    ("users", "get"): Example(),
    ("user", "get"): Example(),
    ("user", "post"): Example({"role": "admin"}),
    ("user", "delete"): Example(),
    ("user-roles", "get"): Example(),
    ("user-roles", "post"): Example(_role("organization")),
    ("user-role", "get"): Example(),
    ("user-role", "delete"): Example(),
    ("invites", "get"): Example(),
    ("invites", "post"): Example({"email": "grace@example.com", "role": "reader"}),
    ("invite", "get"): Example(),
    ("invite", "delete"): Example(),
    ("roles", "get"): Example(),
    ("role", "get"): Example(),
    ("project-roles", "get"): Example(),
    ("project-role", "get"): Example(),
    ("project-user-roles", "get"): Example(),
    ("project-user-roles", "post"): Example(_role("project")),
    ("project-user-role", "get"): Example(prepare=_assign),
    ("project-user-role", "delete"): Example(prepare=_assign),
    ("projects", "get"): Example(),
    ("projects", "post"): Example({"name": "Assistants"}),
    ("project", "get"): Example(),
    ("project", "post"): Example({"name": "Helpers"}),
    ("project-archive", "post"): Example(),
    ("project-users", "get"): Example(prepare=_assign),
    ("project-users", "post"): Example({"email": "new@example.com", "role": "viewer"}, prepare=_hire),
    ("project-user", "get"): Example(prepare=_assign),
    ("project-user", "post"): Example({"role": "admin"}, prepare=_assign),
    ("project-user", "delete"): Example(prepare=_assign),
    ("service-accounts", "get"): Example(),
    ("service-accounts", "post"): Example({"name": "robot"}, secret=True),
    ("service-account", "get"): Example(),
    ("service-account", "post"): Example({"name": "robot"}),
    ("service-account", "delete"): Example(),
    ("service-account-keys", "post"): Example({"name": "second"}, secret=True),
    ("project-api-keys", "get"): Example(),
    ("project-api-key", "get"): Example(),
    ("project-api-key", "delete"): Example(),
    ("rate-limits", "get"): Example(),
    ("rate-limit", "post"): Example({"max_requests_per_1_minute": 5}),
    ("project-spend-limit", "get"): Example(prepare=_limit_project),
    ("project-spend-limit", "post"): Example(SPENDING),
    ("project-spend-limit", "delete"): Example(prepare=_limit_project),
    ("project-spend-alerts", "get"): Example(),
    ("project-spend-alerts", "post"): Example(ALERT),
    ("project-spend-alert", "get"): Example(),
    ("project-spend-alert", "post"): Example(ALERT),
    ("project-spend-alert", "delete"): Example(),
    ("project-data-retention", "get"): Example(),
    ("project-data-retention", "post"): Example({"retention_type": "none"}),
    ("model-permissions", "get"): Example(),
    ("model-permissions", "post"): Example({"mode": "deny_list", "model_ids": ["lukhas-echo-1"]}),
    ("model-permissions", "delete"): Example(),
}


def patterns() -> dict[str, URLPattern]:
    """The URL patterns by name, without the one for everything else."""
    known = (*urlpatterns, *project_urlpatterns)
    return {str(pattern.name): pattern for pattern in known if pattern.name != "unsupported"}


def route(name: str) -> str:
    """The path of an endpoint with the names of its parts, below /v1/organization, or from /v1 on where it is not."""
    pattern = patterns()[name]
    return f"/v1/projects/{pattern.pattern}" if pattern in project_urlpatterns else f"/{pattern.pattern}"


def endpoints() -> Iterator[tuple[str, str]]:
    """Name and method of everything that the URLconf answers."""
    for name, pattern in patterns().items():
        view: Any = pattern.callback
        for method in METHODS:
            if hasattr(view.cls, method):
                yield name, method


def ids(world: World, name: str = "") -> dict[str, str]:
    """What may stand in the path of the endpoint `name`, by what it is called there: the objects of this
    organisation."""
    alert = world.organization_alert if name.startswith("organization-") else world.project_alert
    where: Where = "project" if name.startswith("project-") else "organization"
    return {
        "role_id": role_id(world.organization.public_id, where, "member"),
        "project_id": world.project.public_id,
        "user_id": world.member.public_id,
        "invite_id": world.invite.public_id,
        "service_account_id": world.account.public_id,
        "api_key_id": world.key.public_id,
        "key_id": world.admin_key.public_id,
        "alert_id": alert.public_id,
        "rate_limit_id": rate_limit_id(world.project.public_id, "lukhas-echo-1"),
    }


def path(name: str, world: World) -> str:
    """The path of an endpoint, for the objects of this organisation."""
    whole = route(name)
    for part, value in ids(world, name).items():
        whole = whole.replace(f"<str:{part}>", value)
    assert "<" not in whole
    return whole + QUERIES.get(name.partition("-")[0], "")


def parts(name: str) -> list[str]:
    """What the path of an endpoint names."""
    return list(patterns()[name].pattern.converters)
