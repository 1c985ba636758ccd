"""Who has failed to sign in too often, by django-axes: in the API and on the staff pages alike.

Five failures with the same user name from the same address, none more than a quarter of an hour after the one before,
lock that pair for a quarter of an hour from the fifth. The user can sign in from elsewhere meanwhile, so that nobody
can lock somebody else out; and nobody learns whether there is such a user, for unknown names are counted alike. A right
password forgets the failures.
"""

from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.audit.context import Actor, Source, acting_here
from accounts.audit.recording import record
from accounts.exceptions import LoginFailed, LoginLocked
from accounts.models import User
from lukhas_site.http.addresses import address_of, bucket


def address(request: HttpRequest) -> str | None:
    """AXES_CLIENT_IP_CALLABLE. Returns the address that failures are counted for: behind trusted proxies the caller's;
    of IPv6 that of the /64 network, in which a host may choose its own; None where a Unix socket has none."""
    return bucket(address_of(request)).partition("/")[0] or None


def verified(request: HttpRequest, username: str, password: str) -> User:
    """Returns the active user with this name and password. `request` is Django's own.

    An unknown user costs the hashing of a password like a known one. Raises LoginFailed, or LoginLocked, then without
    looking at the password at all.
    """
    user = authenticate(request, username=username, password=password)
    if isinstance(user, User):
        return user
    if getattr(request, "axes_locked_out", False):
        _write_down(request, username, "api")
        raise LoginLocked(seconds_left(request, username))
    raise LoginFailed


def signed_in(request: HttpRequest, user: User) -> None:
    """Tells who listens that `user` signed in: Django writes down when, axes forgets the failures."""
    user_logged_in.send(sender=User, request=request, user=user)


def seconds_left(request: HttpRequest, username: str) -> int:
    """Returns in how many seconds this user name is free again from this address; at least 1.

    Failures are kept in a row for each program that was used; those that are young enough count together.
    """
    now = timezone.now()
    attempts = AccessAttempt.objects.filter(
        username=username, ip_address=address(request), attempt_time__gt=now - settings.AXES_COOLOFF_TIME
    )
    failures = 0
    for attempt in attempts.order_by("-attempt_time"):
        failures += attempt.failures_since_start
        if failures >= settings.AXES_FAILURE_LIMIT:
            until = attempt.attempt_time + settings.AXES_COOLOFF_TIME
            return max(1, int((until - now).total_seconds()) + 1)
    return 1


def page(request: HttpRequest, *_: Any) -> HttpResponse:
    """AXES_LOCKOUT_CALLABLE. Returns what the staff pages show instead of the form."""
    credentials: dict[str, Any] = getattr(request, "axes_credentials", None) or {}
    username = str(credentials.get("username", ""))
    _write_down(request, username, "admin")
    seconds = seconds_left(request, username)
    context = {"minutes": -(-seconds // 60), "title": "Too many failed attempts"}
    answer = render(request, "accounts/locked.html", context, status=429)
    answer.headers["Retry-After"] = str(seconds)
    return answer


def _write_down(request: HttpRequest, username: str, source: Source) -> None:
    """An event for the failure that locked an existing user, in the log of the user's organisations. Names that nobody
    has are not written down: whoever guesses them could fill the log."""
    if getattr(request, "axes_failures_since_start", None) is None:
        return  # it was locked before
    user = User.objects.filter(username=username).first()
    if user is None:
        return
    with acting_here(request, Actor("anonymous"), source):
        record(
            "login.failed",
            target_type="accounts.user",
            target_id=user.public_id,
            target_name=user.email,
            after={"failures": settings.AXES_FAILURE_LIMIT},
            organizations=user.audited_in(),
        )
