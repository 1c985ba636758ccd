"""How people join: an invite is mailed, and accepted by whoever has its token."""

from django.conf import settings
from django.contrib.auth import authenticate, password_validation
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from accounts import publicids
from accounts.audit.context import Actor, acting, of_request
from accounts.models import Invite, User

PATH = "/invites/accept"


class Unusable(Exception):
    """Why a token accepts nothing, as a sentence."""


def link(token: str) -> str:
    """The page that accepts. The token stands behind the #, which browsers send to nobody and no log holds."""
    return f"{settings.LUKHAS_PUBLIC_URL.rstrip('/')}{PATH}#{token}"


def send(invite: Invite, token: str) -> None:
    """Mails the link. Raises OSError where the mail cannot be sent."""
    text = render_to_string("accounts/invite.txt", {"invite": invite, "link": link(token)})
    name = " ".join(invite.organization.name.split())  # a subject is one line
    send_mail(f"Join {name}", text, None, [invite.email])


def find(token: str) -> Invite:
    """Returns the invite that this token accepts now. Raises Unusable."""
    invite = Invite.objects.select_related("organization").with_token(token).first()
    if invite is None:
        raise Unusable("There is no such invite. Is the link whole?")
    check_usable(invite)
    return invite


def check_usable(invite: Invite) -> None:
    """Raises Unusable for an invite that was deleted or accepted, or has expired."""
    if invite.deleted_at is not None:
        raise Unusable("This invite was withdrawn. Ask for another.")
    status = invite.status(timezone.now())
    if status == "accepted":
        raise Unusable("This invite was accepted already.")
    if status == "expired":
        raise Unusable("This invite has expired. Ask for another.")


def invited_user(invite: Invite) -> User | None:
    """Returns the user of this server who is invited; None where an account has to be made."""
    return User.objects.filter(email=invite.email).first()


def accept(request: HttpRequest, token: str, password: str) -> User:
    """Accepts an invite, and returns the user who joined: one of this server, whose password it has to be, or a new
    one, whose password it becomes.

    Raises Unusable, and ValidationError for a password that is wrong or too weak. Nothing has changed then.
    """
    invite = find(token)
    user = invited_user(invite)
    new = user is None
    if user is None:
        user = User(username=free_username(invite.email), email=invite.email)
        password_validation.validate_password(password, user)
        user.password = make_password(password)  # takes long, so before the transaction
    elif authenticate(request, username=user.username, password=password) is None:
        raise ValidationError("This is not your password, or your account may not sign in.", code="wrong_password")
    try:
        with transaction.atomic():
            join(request, invite, user, new=new)
    except IntegrityError as error:
        raise Unusable("Something else was changed at the same time. Open the link again.") from error
    return user


def join(request: HttpRequest, invite: Invite, user: User, *, new: bool) -> None:
    """Makes `user`, who is saved first if `new`, what the invite promises, written down as done by them. Raises
    Unusable where somebody else with the token was faster."""
    locked = Invite.objects.select_for_update(of=("self",)).select_related("organization").get(pk=invite.pk)
    check_usable(locked)
    seen = of_request(request, Actor("user", user.public_id, user.email), "page")
    with acting(seen.actor, "page", address=seen.address, user_agent=seen.user_agent, request_id=seen.request_id):
        if new:
            user.save()
        locked.accept(user)


def free_username(email: str) -> str:
    """The e-mail, or, where somebody else goes by it, the e-mail and a few letters."""
    if not User.objects.filter(username=email).exists():
        return email
    return f"{email[:140]}-{publicids.random_text(8)}"
