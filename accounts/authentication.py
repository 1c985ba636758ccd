"""From the Authorization header to a Principal."""

from typing import Any, cast

from django.http import HttpRequest
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts import exposure, keys, origins
from accounts.audit.context import caller_acts
from accounts.bootstrap import ensure_defaults
from accounts.exceptions import (
    CHALLENGE,
    KeyExposed,
    KeyInvalid,
    KeyMissing,
    KeyTooShort,
    OrganizationMismatch,
    OriginNotAllowed,
    ProjectMismatch,
)
from accounts.memo import Found, callers
from accounts.models import ApiKey
from accounts.policy import is_permissive
from accounts.principal import Principal
from accounts.roles import Role
from accounts.scopes import DEFAULT_SCOPES
from accounts.uses import uses
from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.orm import in_database

ANONYMOUS = "anonymous"
"""Where the memo files the anonymous development principal: no digest, and so no key, can be equal to it."""


class ApiKeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer KEY`. Leaves the caller in `request.principal`, and in the exchange for the log line.

    Raises KeyMissing, KeyExposed, KeyTooShort, KeyInvalid, OrganizationMismatch or ProjectMismatch (all 401), or
    OriginNotAllowed (403). When the database fails, its own exception passes.
    """

    def authenticate(self, request: Request | HttpRequest) -> tuple[Principal, None]:
        """For sync DRF views, in whose thread the database may be read."""
        if exposed := exposure.secrets_in(request.META.get("QUERY_STRING", "")):
            exposure.flag(bare_of(request), exposed)
            raise KeyExposed
        token = presented_key(request)
        if token is None:
            principal = callers.get_blocking(ANONYMOUS, look_up_anonymous)
        else:
            principal = callers.get_blocking(keys.digest(token), lambda: look_up(token))
        return admit(request, principal, token), None

    async def authenticate_async(self, request: HttpRequest) -> Principal | None:
        """For async views. Waits for the database only where the caller is not remembered."""
        await refuse_exposed(request)
        token = presented_key(request)
        if token is None:
            principal = await callers.get(ANONYMOUS, look_up_anonymous)
        else:
            principal = await callers.get(keys.digest(token), lambda: look_up(token))
        return admit(request, principal, token)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


async def refuse_exposed(request: HttpRequest) -> None:
    """Raises KeyExposed, and has the key flagged, where the URL holds a secret key."""
    if exposed := exposure.secrets_in(request.META.get("QUERY_STRING", "")):
        await in_database(exposure.flag, request, exposed)
        raise KeyExposed


def principal_of(request: HttpRequest) -> Principal:
    """Returns the caller that a view's authenticator found; only for views that let in nobody else."""
    principal: Principal = cast(Any, request).principal
    return principal


def presented_key(request: Request | HttpRequest) -> str | None:
    """Returns the key that the caller presents, or None for the anonymous development caller in permissive mode.

    Raises KeyMissing where there is no key, or a header that is not `Bearer KEY`; KeyTooShort under 8 characters.
    """
    header: str = request.META.get("HTTP_AUTHORIZATION", "").strip()
    if not header and is_permissive():
        return None
    scheme, _, token = header.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or " " in token:
        raise KeyMissing
    if len(token) < keys.MIN_LENGTH:
        raise KeyTooShort(keys.masked(token))
    return token


def look_up(token: str) -> Found | None:
    """Returns the caller whose key this is, from the database; None unless it is known and works now."""
    key = ApiKey.objects.with_owners().with_roles().of_text(token)
    found = caller_of(key)
    if key is not None and found is not None:
        key.store_anew(keys.digest(token))
    return found


def look_up_id(public_id: str) -> Found | None:
    """The same for whoever was let in on behalf of a key, and knows no more than its id."""
    return caller_of(ApiKey.objects.with_owners().with_roles().filter(public_id=public_id).first())


def caller_of(key: ApiKey | None) -> Found | None:
    """Returns who calls with this key, which counts as a use of it; None unless it works now."""
    now = timezone.now()
    if key is None or key.state(now) != "active":
        return None
    uses.note(key, now)
    return Found(key.principal(), key.expires_at.timestamp() if key.expires_at else float("inf"))


def look_up_anonymous() -> Found:
    """Returns the anonymous development caller, at home in the default project and without admin scopes."""
    organization, project = ensure_defaults()
    return Found(
        Principal(
            key_id="",
            key_name=ANONYMOUS,
            organization_id=organization.public_id,
            organization=organization.slug,
            project_id=project.public_id,
            project=project.name,
            owner_kind="anonymous",
            owner_id="",
            scopes=frozenset(DEFAULT_SCOPES),
            role=Role.OWNER,
        )
    )


def admit(request: Request | HttpRequest, principal: Principal | None, token: str | None) -> Principal:
    """Returns `principal` after leaving it where later stages look for it.

    Raises KeyInvalid where there is none, OrganizationMismatch or ProjectMismatch where the caller's own headers ask
    for another organisation (by id or slug) or project (by id) than the key's, and OriginNotAllowed where a publishable
    key comes from elsewhere than its origins.
    """
    if principal is None:
        raise KeyInvalid(keys.masked(token or ""))
    organization = request.META.get("HTTP_OPENAI_ORGANIZATION")
    if organization and organization not in (principal.organization_id, principal.organization):
        raise OrganizationMismatch
    project = request.META.get("HTTP_OPENAI_PROJECT")
    if project and project != principal.project_id:
        raise ProjectMismatch
    if principal.origins is not None and not origins.admits(principal.origins, request.META.get("HTTP_ORIGIN")):
        raise OriginNotAllowed
    # DRF's Request hands unknown attributes on to the request that it wraps; so both show the caller.
    bare = bare_of(request)
    bare.principal = principal
    caller_acts(bare, principal)
    exchange = exchange_of(bare)
    exchange.organization = principal.organization
    exchange.facts["project"] = principal.project_id
    exchange.facts["key"] = principal.key_id
    return principal


def bare_of(request: Request | HttpRequest) -> Any:
    """Returns Django's own request, also where DRF wraps it."""
    return getattr(request, "_request", request)
