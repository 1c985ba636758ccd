"""Protected environments: who may change what is answered there, whichever way it is changed.

People with the role for it may, signed in to the API, to the admin, or at the server's own command line. A key may not,
whoever owns it: what a program can change, a stolen key can change. Switching a flag off is for everybody who may see
it, with a reason: see `features.models.FlagState.kill`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from rest_framework.exceptions import PermissionDenied

from accounts.audit.context import Context, current
from accounts.models import Membership
from accounts.roles import allowed

UPDATE = "organization.flags.update"
"""What a role must allow."""
SESSION = "sess_"

_lifted: ContextVar[bool] = ContextVar("lukhas_protection_lifted", default=False)


class EnvironmentProtected(PermissionDenied):
    """403: the caller may not change what is answered in this environment."""

    type = "invalid_request_error"
    code = "environment_protected"
    param: str | None = None

    def __init__(self, environment: str) -> None:
        self.message = (
            f"The environment '{environment}' is protected: only people who are admins or owners of the organization "
            "change flags there, and no API key does. To switch a flag off, kill it and say why."
        )
        self.headers: dict[str, str] = {}
        super().__init__(self.message)


@contextmanager
def lifted() -> Iterator[None]:
    """Within this, nothing is protected."""
    token = _lifted.set(True)
    try:
        yield
    finally:
        _lifted.reset(token)


def applies() -> bool:
    """Returns whether a change that is made now has to be looked at: nothing else pays for it."""
    return current().source == "api" and not _lifted.get()


def check(changes: Iterable[tuple[Any, Any]]) -> None:
    """Raises EnvironmentProtected where one of these changes is felt in a protected environment, and whoever acts may
    not make it. A change is a row as it was and as it is to be; None is no row."""
    context = current()
    for before, after in changes:
        if before is not None and after is not None and not _felt(before, after):
            continue
        for row in filter(None, (before, after)):
            for environment in row.felt_in():
                if environment.protected and not _may(context, row.audited_in()):
                    raise EnvironmentProtected(environment.key)


def check_new(row: Any) -> None:
    """Raises EnvironmentProtected where whoever acts may not have what this row does happen in its environment."""
    if applies():
        check([(None, row)])


def _felt(before: Any, after: Any) -> bool:
    """Whether any answer can change with it."""
    names = [name for name in after.audit_fields if name not in after.unfelt]
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _may(context: Context, organizations: Iterable[str]) -> bool:
    """Whether it is a person who signed in, and has the role for it."""
    actor = context.actor
    if not actor.key_id.startswith(SESSION):
        return False
    held = Membership.objects.filter(user__public_id=actor.id, organization__public_id__in=list(organizations))
    return any(allowed(role, UPDATE) for role in held.values_list("role", flat=True))
