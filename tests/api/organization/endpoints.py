"""Every endpoint of the Admin API as the URLconf has it, and how a test calls it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.urls import URLPattern

from accounts.models import Budget
from api.administration.rate_limits import rate_limit_id
from api.views.organization.urls import urlpatterns
from tests.api.organization.conftest import World

METHODS = ("get", "post", "put", "patch", "delete")
SPENDING = {"threshold_amount": 5_000, "currency": "USD", "interval": "month"}


@dataclass(frozen=True)
class Example:
    """A good request: its body, and what has to be there before. `secret` says that the answer shows a key."""

    body: dict[str, Any] | None = None
    prepare: Callable[[World], object] = field(default=lambda world: None)
    secret: bool = False


def _limit_organization(world: World) -> None:
    Budget.objects.put(world.organization, {"amount": 10}, period="month")


def _limit_project(world: World) -> None:
    Budget.objects.put(world.project, {"amount": 10}, period="month")


EXAMPLES: dict[tuple[str, str], Example] = {
    ("admin-api-keys", "get"): Example(),
    ("admin-api-keys", "post"): Example({"name": "automation"}, secret=True),
    ("admin-api-key", "get"): Example(),
    ("admin-api-key", "delete"): Example(),
    ("audit-logs", "get"): Example(),
    ("organization-spend-limit", "get"): Example(prepare=_limit_organization),
    ("organization-spend-limit", "post"): Example(SPENDING),
    ("organization-spend-limit", "delete"): Example(prepare=_limit_organization),
    ("projects", "get"): Example(),
    ("projects", "post"): Example({"name": "Assistants"}),
    ("project", "get"): Example(),
    ("project", "post"): Example({"name": "Helpers"}),
    ("project-archive", "post"): Example(),
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
    ("model-permissions", "get"): Example(),
    ("model-permissions", "post"): Example({"mode": "deny_list", "model_ids": ["lukhas-echo-1"]}),
    ("model-permissions", "delete"): Example(),
}


def patterns() -> dict[str, URLPattern]:
    """The URL patterns by name, without the one for everything else."""
    return {str(pattern.name): pattern for pattern in urlpatterns if pattern.name != "unsupported"}


def endpoints() -> Iterator[tuple[str, str]]:
    """Name and method of everything that the URLconf answers."""
    for name, pattern in patterns().items():
        view: Any = pattern.callback
        for method in METHODS:
            if hasattr(view.cls, method):
                yield name, method


def ids(world: World) -> dict[str, str]:
    """What may stand in a path, by the name it has there: the objects of this organisation."""
    return {
        "project_id": world.project.public_id,
        "service_account_id": world.account.public_id,
        "api_key_id": world.key.public_id,
        "key_id": world.admin_key.public_id,
        "rate_limit_id": rate_limit_id(world.project.public_id, "lukhas-echo-1"),
    }


def path(name: str, world: World) -> str:
    """The path of an endpoint, for the objects of this organisation."""
    route = f"/{patterns()[name].pattern}"
    for part, value in ids(world).items():
        route = route.replace(f"<str:{part}>", value)
    assert "<" not in route
    return route


def parts(name: str) -> list[str]:
    """What the path of an endpoint names."""
    return list(patterns()[name].pattern.converters)
