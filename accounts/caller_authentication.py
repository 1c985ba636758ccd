"""Who calls an endpoint under /api, as Django REST Framework asks for it.

`SessionAuthentication` is for what only a person can do, `CallerAuthentication` for what an administrator does by hand
or with an admin key; both leave a `Caller` in `request.user`. `CredentialAuthentication` is for what programs do, too.
None looks at cookies: a page of somebody else's cannot make a browser act here, and so there is nothing for CSRF
protection to protect.
"""

from typing import Any, cast
from urllib.parse import unquote_plus

from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.audit.context import Actor, person_acts
from accounts.authentication import ApiKeyAuthentication, bare_of
from accounts.caller import Caller, Seat
from accounts.exceptions import CHALLENGE, ScopeMissing, SessionExposed, SessionInvalid, SessionMissing
from accounts.models import EndReason, Membership, Session
from accounts.principal import Principal
from accounts.roles import Role
from accounts.sessions import tokens
from lukhas_site.http.exchange import exchange_of

ADMIN = "admin.*"


class SessionAuthentication(BaseAuthentication):
    """`Authorization: Bearer st-lukhas-…`, and nothing else.

    Raises SessionMissing, SessionInvalid or, where the token stands in the URL, SessionExposed (all 401).
    """

    def authenticate(self, request: Request) -> tuple[Caller, Session]:
        end_exposed(request)
        token = presented_token(request)
        if token is None:
            raise SessionMissing
        return person(request, token)

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class CallerAuthentication(BaseAuthentication):
    """A session, or an admin key.

    Raises what `SessionAuthentication` and `ApiKeyAuthentication` raise, and ScopeMissing (403) for any other key.
    """

    def authenticate(self, request: Request) -> tuple[Caller, Session | Principal]:
        end_exposed(request)
        token = presented_token(request)
        if token is not None:
            return person(request, token)
        principal, _ = ApiKeyAuthentication().authenticate(request)
        if not principal.allows(ADMIN) or principal.role is None or principal.owner_kind == "anonymous":
            raise ScopeMissing((ADMIN,))
        seat = Seat(principal.organization_id, principal.organization, principal.role)
        caller = Caller(principal.owner_kind, principal.owner_id, principal.owner_name, principal.key_id, (seat,))
        return caller, principal

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


class CredentialAuthentication(BaseAuthentication):
    """A session, or any key: leaves a `Caller` or a `Principal`, and the view asks what that may do.

    Raises what `SessionAuthentication` and `ApiKeyAuthentication` raise.
    """

    def authenticate(self, request: Request) -> tuple[Caller | Principal, Session | Principal]:
        end_exposed(request)
        token = presented_token(request)
        if token is not None:
            return person(request, token)
        principal, _ = ApiKeyAuthentication().authenticate(request)
        return principal, principal

    def authenticate_header(self, request: Request) -> str:
        return CHALLENGE


def caller_of(request: Request) -> Caller:
    """Returns the caller that one of these authenticators found; only for views that have no other."""
    return cast(Caller, request.user)


def presented_token(request: Request | HttpRequest) -> str | None:
    """Returns the session token that the caller presents; None where that is something else, or nothing."""
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").strip().partition(" ")
    token = token.strip()
    return token if scheme.lower() == "bearer" and token.startswith(tokens.PREFIX) else None


def exposed_token(request: Request | HttpRequest) -> str | None:
    """Returns the session token that stands in the URL; None where none does."""
    query = unquote_plus(request.META.get("QUERY_STRING", ""))
    at = query.find(tokens.PREFIX)
    return None if at < 0 else query[at : at + len(tokens.PREFIX) + tokens.RANDOM_CHARACTERS]


def end_exposed(request: Request | HttpRequest) -> None:
    """Raises SessionExposed where a session token stands in the URL, after ending the session.

    Proxies, logs and histories keep URLs, and a new session costs its owner little.
    """
    token = exposed_token(request)
    if token is None:
        return
    session = Session.find(token)
    if session is not None:
        session.end(EndReason.EXPOSED)
    raise SessionExposed


def person(request: Request | HttpRequest, token: str) -> tuple[Caller, Session]:
    """Returns who signed in, and the session, after leaving them where later stages look. Raises SessionInvalid."""
    session = Session.find(token)
    if session is None:
        raise SessionInvalid
    caller = caller_by(session, request.META.get("HTTP_OPENAI_ORGANIZATION"))
    bare: HttpRequest = bare_of(request)
    person_acts(bare, actor_of(session))
    exchange = exchange_of(bare)
    if len(caller.seats) == 1:
        exchange.organization = caller.seats[0].organization
    exchange.facts["session"] = session.public_id
    return caller, session


def actor_of(session: Session) -> Actor:
    """Returns whom the audit log shows."""
    return Actor("user", session.user.public_id, session.user.email, session.public_id)


def caller_by(session: Session, asked: str | None) -> Caller:
    """Returns who signed in, with the roles of this very moment."""
    held: Any = Membership.objects.filter(user=session.user).order_by("organization__slug")
    rows = held.values_list("organization__public_id", "organization__slug", "role")
    seats = tuple(Seat(public_id, slug, Role(role)) for public_id, slug, role in rows)
    user = session.user
    return Caller("user", user.public_id, user.email, session.public_id, seats, asked, session)
