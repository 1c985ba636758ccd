"""Signing in and changing one's password: what both need beyond rows, the request that they come with."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as Unfit
from django.db import transaction
from django.http import HttpRequest
from rest_framework.exceptions import ValidationError

from accounts.audit.context import Actor, acting_here
from accounts.exceptions import LoginFailed
from accounts.models import EndReason, Session
from accounts.sessions import lockout
from accounts.sessions.devices import device_of
from accounts.sessions.ending import sparing
from lukhas_site.http.addresses import address_of, truncated

WRONG = "invalid_value"


def open_session(
    request: HttpRequest, username: str, password: str, *, instead_of: str | None = None
) -> tuple[Session, str]:
    """Returns a new session and its token. The user's session with the token `instead_of`, if there is one, ends.

    Raises LoginFailed and LoginLocked.
    """
    user = lockout.verified(request, username, password)
    with acting_here(request, Actor("user", user.public_id, user.email), "api"):
        opened = Session.begin(
            user,
            device=device_of(request.META.get("HTTP_USER_AGENT", "")),
            address=truncated(address_of(request)),
        )
        if opened is None:
            raise LoginFailed
        former = None if instead_of is None else Session.find(instead_of)
        if former is not None and former.user == user:
            former.end(EndReason.RENEWED)
        lockout.signed_in(request, user)
    return opened


def change_password(request: HttpRequest, session: Session, old: str, new: str) -> int:
    """Gives the user of `session` another password, and ends all other sessions. Returns how many that were.

    Raises ValidationError, by its field, for a wrong old password or a new one that the validators refuse, and
    LoginLocked once the old one was wrong too often.
    """
    try:
        user = lockout.verified(request, session.user.username, old)
    except LoginFailed as error:
        raise ValidationError({"old_password": ["This is not your password."]}, WRONG) from error
    if new == old:
        raise ValidationError({"new_password": ["This is the password that you have."]}, WRONG)
    try:
        validate_password(new, user)
    except Unfit as error:
        raise ValidationError({"new_password": [" ".join(error.messages)]}, WRONG) from error
    with transaction.atomic(), sparing(session.pk):
        others = user.sessions.open().exclude(pk=session.pk).count()
        user.set_password(new)
        user.save(update_fields=["password"])
    return others
