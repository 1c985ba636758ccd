"""What the tests of /api share: who calls, and what is asked of each."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
from django.utils import timezone

from accounts.models import ApiKey
from accounts.roles import Role
from tests.api.organization.conftest import World
from tests.serving import Server


def aged(world: World, **when: Any) -> str:
    """The text of an admin key of the owner, after something happened to it."""
    key, token = ApiKey.issue(name="aged", organization=world.organization, user=world.owner, is_admin=True)
    ApiKey.objects.filter(pk=key.pk).update(**when)
    return token


REFUSED: dict[str, tuple[Callable[[World], str], int]] = {
    "member": (lambda world: world.admin(Role.MEMBER), 403),
    "viewer": (lambda world: world.admin(Role.VIEWER), 403),
    "ordinary key": (lambda world: world.token, 403),
    "revoked": (lambda world: aged(world, revoked_at=timezone.now()), 401),
    "expired": (lambda world: aged(world, expires_at=timezone.now() - timedelta(seconds=1)), 401),
    "unknown": (lambda world: "sk-admin-lukhas-" + "x" * 43, 401),
    "short": (lambda world: "sk-1", 401),
    "no key": (lambda world: "", 401),
}
"""Who is let in nowhere under /api/audit, and with which status."""


def call(server: Server, token: str, method: str, path: str, **rest: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.request(method, f"{server.url}/api/{path}", headers=headers, timeout=30, **rest)
