"""To which addresses staff may have the keys of upstreams sent: whoever names the address gets the key.

A key is in an environment variable, and an upstream names the variable. At the server's command line any may be named,
for whoever works there can read them all. On the staff pages, and where a change is taken back from the audit log,

- only those may be chosen that LUKHAS_UPSTREAM_KEY_VARS lists, or that an upstream uses already;
- only an owner of the server's own organisation, the one of LUKHAS_ORGANIZATION, gives another address to an upstream
  that has a key, and only an owner has a key that is not on that list sent to where no upstream has it sent yet.

Being a superuser is not being an owner: one may be made by another superuser, and this is not for them to decide.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from accounts.audit.context import current
from accounts.models import Membership
from accounts.roles import Role
from api.validators import is_own

Values = Mapping[str, Any]

BY_COMMAND = "or whoever works at the server does it with manage.py add_upstream"


def choosable(upstreams: QuerySet[Any]) -> list[str]:
    """Returns the variables that staff may choose, those in use by `upstreams` among them."""
    used = upstreams.exclude(api_key_env="").values_list("api_key_env", flat=True)
    return sorted(name for name in {*settings.LUKHAS_UPSTREAM_KEY_VARS, *used} if not is_own(name))


def is_owner(user_id: str) -> bool:
    """Returns whether the user of this public id is an owner of the server's own organisation."""
    home = Membership.objects.filter(organization__slug=settings.LUKHAS_ORGANIZATION, role=Role.OWNER)
    return home.filter(user__public_id=user_id).exists()


def objection(others: QuerySet[Any], before: Values | None, after: Values) -> str:
    """Returns why whoever acts now may not make an upstream what it is `after`, by `base_url` and `api_key_env`; empty
    where they may. Commands, and code of this process, may make it anything. `others` are the other upstreams; `before`
    is what it was, None where it is new."""
    context = current()
    key, url = after["api_key_env"], _address(after["base_url"])
    was = ("", "") if before is None else (before["api_key_env"], _address(before["base_url"]))
    if context.source not in ("admin", "api") or not key or was == (key, url):
        return ""
    sent = {(name, _address(to)) for name, to in others.exclude(api_key_env="").values_list("api_key_env", "base_url")}
    sent.add(was)
    listed = key in settings.LUKHAS_UPSTREAM_KEY_VARS
    if not listed and key not in {name for name, _ in sent}:
        return (
            f"{key} cannot be chosen here: LUKHAS_UPSTREAM_KEY_VARS does not list it, and no upstream uses it. List "
            f"it, {BY_COMMAND}."
        )
    moved = bool(was[0]) and was[1] != url
    if (moved or (not listed and (key, url) not in sent)) and not is_owner(context.actor.id):
        return (
            f"The key in {key} would be sent to {url}, and whoever answers there would have it. Only an owner of the "
            f"organisation {settings.LUKHAS_ORGANIZATION!r} decides that, {BY_COMMAND}."
        )
    return ""


def complain(others: QuerySet[Any], before: Values | None, after: Values) -> None:
    """Raises ValidationError with the objection, if there is one."""
    if why := objection(others, before, after):
        raise ValidationError(why)


def _address(url: str) -> str:
    return url.rstrip("/")
