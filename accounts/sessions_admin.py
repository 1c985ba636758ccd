"""The staff page of sessions: who is signed in to the API, and an end to it."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import EndReason, Membership, Role, Session
from accounts.reach import Reach, Rights, Verb
from accounts.staff import StaffPage
from accounts.staff_actions import staff_action

PEOPLE = "organization.users.update"


class StateFilter(admin.SimpleListFilter):
    """Sessions that work, and those that are over."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), ("ended", "Ended"), ("run_out", "Idle or expired")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Session]) -> QuerySet[Session]:
        working = Session.objects.open()
        choices = {
            "open": queryset.filter(pk__in=working),
            "ended": queryset.filter(ended_at__isnull=False),
            "run_out": queryset.filter(ended_at__isnull=True).exclude(pk__in=working),
        }
        return choices.get(self.value() or "", queryset)


@admin.register(Session)
class SessionAdmin(StaffPage):
    """Staff see the sessions of those who are in an organisation in which they are owner or admin, and end those of
    people who are nothing above them there; superusers all."""

    rights = (Rights("organization", "", view=PEOPLE, change=PEOPLE),)
    offers = ("view",)
    list_display = ("user", "device", "address", "created_at", "last_seen_at", "state", "end_reason")
    list_filter = (StateFilter, "end_reason", ("created_at", admin.DateFieldListFilter))
    list_select_related = ("user",)
    search_fields = ("user__username", "user__email", "public_id", "device", "address")
    fields = (
        "public_id", "user", "device", "address", "created_at", "last_seen_at", "expires_at", "state", "ended_at",
        "end_reason",
    )  # fmt: skip
    readonly_fields = fields
    actions = ("end_selected",)

    @admin.display(description="state")
    def state(self, session: Session) -> str:
        return session.state(timezone.now())

    def sees(self, reach: Reach, verb: Verb) -> Q:
        if reach.everything:
            return Q()
        members = Membership.objects.filter(organization__in=reach.organizations_for(PEOPLE))
        if verb == "view":
            return Q(user__in=members.values("user"))
        owned = reach.organizations_for("organization.owners.update")
        not_above = members.exclude(~Q(organization__in=owned), role=Role.OWNER)
        return Q(user__in=not_above.values("user"), user__is_superuser=False)

    def reaches(self, reach: Reach, verb: Verb, row: Any) -> bool:
        return Session.objects.filter(self.sees(reach, verb), pk=row.pk).exists()

    @staff_action("End selected sessions", needs="change")
    def end_selected(self, request: HttpRequest, queryset: QuerySet[Session]) -> HttpResponse | None:
        if "post" not in request.POST:
            question = "End these sessions? Whoever uses them has to sign in again."
            return self.confirm(request, queryset, action="end_selected", question=question)
        ended = [session for session in queryset if session.end(EndReason.STAFF)]
        for session in ended:
            self.log_change(request, session, "Ended.")
        self.message_user(request, f"Ended: {len(ended)}.", messages.SUCCESS)
        return None
