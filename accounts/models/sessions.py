"""Sessions: people who signed in to the API."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db import DatabaseError, models, transaction
from django.db.models import Q
from django.db.models.sql.subqueries import DeleteQuery
from django.utils import timezone

from accounts import publicids
from accounts.audit.recording import record
from accounts.audit.snapshots import Json
from accounts.models.audited import Audited, AuditedQuerySet
from accounts.models.users import User
from accounts.sessions import lifetimes, tokens

logger = logging.getLogger(__name__)

SEEN_RECORDED_EVERY = timedelta(minutes=1)
State = Literal["open", "ended", "idle", "expired"]


class EndReason(models.TextChoices):
    """Why a session ended before its time."""

    LOGOUT = "logout", "signed out"
    RENEWED = "renewed", "the user signed in anew"
    REVOKED = "revoked", "ended by the user from another session"
    STAFF = "staff", "ended by staff"
    PASSWORD = "password", "the password was changed"
    DEACTIVATED = "deactivated", "the user was made inactive"
    ROLE = "role", "a role was changed"
    MAXIMUM = "maximum", "the user opened too many"
    EXPOSED = "exposed", "the token was sent in a URL"


class SessionQuerySet(AuditedQuerySet["Session"]):
    def open(self, now: datetime | None = None) -> "SessionQuerySet":
        """Returns the sessions that work at `now`, or at this moment."""
        now = now or timezone.now()
        return self.filter(ended_at__isnull=True, expires_at__gt=now, last_seen_at__gt=now - lifetimes.idle())

    def over_since(self, moment: datetime) -> "SessionQuerySet":
        """Returns the sessions that were over before `moment`: ended, or run out."""
        ran_out = Q(expires_at__lt=moment) | Q(last_seen_at__lt=moment - lifetimes.idle())
        return self.filter(Q(ended_at__lt=moment) | Q(ran_out, ended_at__isnull=True))

    def end(self, reason: str) -> int:
        """Ends those that nobody has ended yet. Returns how many that were.

        Those that ran out are included: a longer timeout, set later, must not bring back what this would have ended.
        """
        return self.filter(ended_at__isnull=True).update(ended_at=timezone.now(), end_reason=reason)

    def prune(self) -> int:
        """Deletes them, and returns how many. One event for all: each was written down when it was opened and ended."""
        with transaction.atomic(using=self.db):
            keys = list(self.order_by().values_list("pk", flat=True))
            DeleteQuery(self.model).delete_batch(keys, self.db)
            record("session.pruned", target_type="accounts.session", target_id="", after={"sessions": len(keys)})
        return len(keys)


class Session(Audited):
    """One signing in. Its token is known only to whom it was given.

    It works until it is ended, has not been used for LUKHAS_SESSION_IDLE, or is `expires_at`. `last_seen_at` is
    written at most once a minute. `address` is the network that it was opened from, not the whole address.
    """

    public_id = models.CharField(
        "public id", max_length=publicids.MAX_LENGTH, unique=True, default=publicids.session_id, editable=False
    )
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions", editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField("opened", default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField("last seen", default=timezone.now, editable=False)
    expires_at = models.DateTimeField("expires", editable=False)
    device = models.CharField(max_length=64, editable=False)
    address = models.CharField(max_length=64, blank=True, editable=False)
    ended_at = models.DateTimeField("ended", null=True, editable=False)
    end_reason = models.CharField("reason", max_length=12, choices=EndReason, blank=True, editable=False)

    objects = SessionQuerySet.as_manager()

    audit_kind = "session"
    audit_fields = ("public_id", "user", "device", "address", "expires_at", "ended_at", "end_reason")
    audit_final = audit_fields

    class Meta:
        default_permissions = ("view", "change")
        indexes = (models.Index(name="accounts_session_user", fields=["user", "ended_at"]),)
        constraints = (
            models.CheckConstraint(
                name="accounts_session_ended_with_reason",
                condition=Q(ended_at__isnull=True, end_reason="") | Q(ended_at__isnull=False) & ~Q(end_reason=""),
            ),
        )

    def __str__(self) -> str:
        return f"{self.user}, {self.device}"

    @classmethod
    def begin(cls, user: User, *, device: str, address: str) -> "tuple[Session, str] | None":
        """Opens a session, and ends the oldest of the user's beyond LUKHAS_SESSIONS_PER_USER. Returns it and its token,
        which nothing can show again; None where the user's password was changed, or the user made inactive, since
        `user` was read: whoever signed in with the old password must not slip in behind the change.
        """
        with transaction.atomic():
            current: User = models.QuerySet(User).select_for_update().get(pk=user.pk)
            if current.password != user.password or not current.is_active:
                return None
            token = tokens.generate()
            expires = timezone.now() + lifetimes.absolute()
            session = cls(user=user, digest=tokens.digest(token), device=device, address=address, expires_at=expires)
            session.save()
            newest = cls.objects.filter(user=user).open().order_by("-created_at", "-pk")
            excess = list(newest.values_list("pk", flat=True)[lifetimes.maximum() :])
            cls.objects.filter(pk__in=excess).end(EndReason.MAXIMUM)
        return session, token

    @classmethod
    def find(cls, token: str) -> "Session | None":
        """Returns the session with this token, with its user, if it works now. Writes down that it was used."""
        digests, now = tokens.digests(token), timezone.now()
        session = cls.objects.select_related("user").filter(digest__in=digests).order_by().first()
        if session is None or session.state(now) != "open" or not session.user.is_active:
            return None
        session.record_use(digests[0], now)
        return session

    @property
    def idle_expires_at(self) -> datetime:
        """When it ends unless it is used before."""
        return self.last_seen_at + lifetimes.idle()

    def state(self, now: datetime) -> State:
        """Returns whether the session works at `now`, and if not, why."""
        if self.ended_at is not None:
            return "ended"
        if self.expires_at <= now:
            return "expired"
        return "idle" if self.idle_expires_at <= now else "open"

    def end(self, reason: str) -> bool:
        """Ends the session. Returns whether that changed anything."""
        changed = Session.objects.filter(pk=self.pk).end(reason) > 0
        self.refresh_from_db(fields=["ended_at", "end_reason"])
        return changed

    def record_use(self, digest: str, now: datetime) -> None:
        """Writes `last_seen_at`, at most once a minute, and `digest` where the stored one is of an older SECRET_KEY.

        A failed write is logged and tried again with the next use: it does not fail the caller.
        """
        changes: dict[str, Any] = {}
        if self.digest != digest:
            changes["digest"] = digest
        if now - self.last_seen_at >= SEEN_RECORDED_EVERY:
            changes["last_seen_at"] = self.last_seen_at = now
        if not changes:
            return
        try:
            with transaction.atomic():
                models.QuerySet(Session).filter(pk=self.pk).update(**changes)
        except DatabaseError as error:
            logger.warning("The use of session %s could not be recorded: %s", self.public_id, error)

    def audited_in(self) -> Sequence[str]:
        return self.user.audited_in()

    def audit_name(self) -> str:
        return self.user.email

    def audit_type(self, before: Json | None, after: Json | None) -> str:
        """In the words of OpenAI's specification, where it has some."""
        if before is None:
            return "login.succeeded"
        if after is not None and after["end_reason"] != before["end_reason"]:
            return "logout.succeeded" if after["end_reason"] == EndReason.LOGOUT else "session.ended"
        return super().audit_type(before, after)
