"""Who acts now, and from where. Set by authentication, by the staff pages' middleware and by commands; read only when
something is recorded, so that a request which changes nothing pays for a context variable and no more.
"""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

from django.http import HttpRequest

from accounts.principal import Principal
from lukhas_site.http.addresses import address_of, client_address, scope_of
from lukhas_site.http.exchange import exchange_of

Source = Literal["api", "admin", "page", "command", "code"]
MAX_USER_AGENT = 512


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is a public id, or the name of the operating system's user for a command. `name` is a user's e-mail, and
    the name of anything else. `key_id` is the key that was used, if one was."""

    kind: Literal["user", "service_account", "anonymous", "command", "system"]
    id: str = ""
    name: str = ""
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    actor: Actor
    source: Source
    address: str = ""
    user_agent: str = ""
    request_id: str = ""


NOBODY = Context(Actor("system"), "code")
"""Code that runs on nobody's behalf, or did not say on whose."""

_current: ContextVar[Callable[[], Context] | None] = ContextVar("lukhas_audit", default=None)
_reason: ContextVar[str] = ContextVar("lukhas_audit_reason", default="")


def current() -> Context:
    """Returns who acts now."""
    make = _current.get()
    return NOBODY if make is None else make()


@contextmanager
def because(reason: str) -> Iterator[None]:
    """Within this, what is made or changed is recorded with the reason that somebody gave for it."""
    token = _reason.set(reason)
    try:
        yield
    finally:
        _reason.reset(token)


def reason() -> str:
    """Returns the reason given for what changes now; empty for none."""
    return _reason.get()


@contextmanager
def _held(make: Callable[[], Context]) -> Iterator[None]:
    token = _current.set(make)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def acting(
    actor: Actor, source: Source, *, address: str = "", user_agent: str = "", request_id: str = ""
) -> Iterator[None]:
    """Within this, what changes is recorded as done by `actor`. Nested ones end with what was before."""
    context = Context(actor, source, address, user_agent[:MAX_USER_AGENT], request_id)
    with _held(lambda: context):
        yield


@contextmanager
def acting_here(request: HttpRequest, actor: Actor, source: Source) -> Iterator[None]:
    """Within this, what changes is recorded as done by `actor`, with `request`."""
    context = of_request(request, actor, source)
    with _held(lambda: context):
        yield


@contextmanager
def staff_acting(request: HttpRequest) -> Iterator[None]:
    """Within this, what changes is done by whoever is signed in to the staff pages at that moment."""

    def make() -> Context:
        user = request.user
        if user.is_authenticated:
            return of_request(request, Actor("user", user.public_id, user.email), "admin")
        return of_request(request, Actor("anonymous"), "admin")

    with _held(make):
        yield


@contextmanager
def command_acting(name: str) -> Iterator[None]:
    """Within this, what changes is done by the command `name`, run by a user of the operating system."""
    with acting(Actor("command", operator(), f"manage.py {name}"), "command"):
        yield


def caller_acts(request: HttpRequest, principal: Principal) -> None:
    """From here to the end of this task or thread context, what changes is done by the caller of the API."""
    _current.set(_Trace(request, principal))


def person_acts(request: HttpRequest, actor: Actor) -> None:
    """Likewise, by a person who signed in to the API."""
    _current.set(_Trace(request, actor))


def nobody_acts() -> None:
    """Forgets who acts, for what runs in one context after another: tests, and loops that serve."""
    _current.set(None)


def of_principal(principal: Principal) -> Actor:
    return Actor(principal.owner_kind, principal.owner_id, principal.owner_name, principal.key_id)


def of_request(request: HttpRequest, actor: Actor, source: Source) -> Context:
    return Context(
        actor,
        source,
        address=address_of(request),
        user_agent=request.META.get("HTTP_USER_AGENT", "")[:MAX_USER_AGENT],
        request_id=exchange_of(request).request_id,
    )


class _Trace:
    """What a request to the API leaves of itself for the record. Not the request, which would live, with its body, for
    as long as its task does: a stream may go on for long."""

    __slots__ = ("_agent", "_exchange", "_scope", "_who")

    def __init__(self, request: HttpRequest, who: Principal | Actor) -> None:
        self._who = who
        self._scope = scope_of(request)
        self._agent: str = request.META.get("HTTP_USER_AGENT", "")
        self._exchange = exchange_of(request)

    def __call__(self) -> Context:
        return Context(
            self._who if isinstance(self._who, Actor) else of_principal(self._who),
            "api",
            address=client_address(self._scope),
            user_agent=self._agent[:MAX_USER_AGENT],
            request_id=self._exchange.request_id,
        )


def operator() -> str:
    """Returns the name of the operating system's user; empty where it has none, as in some containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
