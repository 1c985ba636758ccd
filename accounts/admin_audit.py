"""The audit browser: read only, and a way back."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from accounts.audit.differences import Line, lines, summary
from accounts.audit.restoring import CannotRestore, restore, target_model
from accounts.audit.rights import check_restoring
from accounts.audit_filters import (
    ActorFilter,
    OneActorFilter,
    OneTargetFilter,
    OrganizationFilter,
    SourceFilter,
    TargetFilter,
    TypeFilter,
    VerbFilter,
)
from accounts.exceptions import ScopeMissing
from accounts.models import AuditEvent, Organization
from accounts.reach import Reach, Rights, Verb, reach_of
from accounts.staff import StaffPage
from accounts.staff_actions import detail_action, staff_action

RESTORING = "Put back what these changes replaced? Later changes of the same fields are lost."
MOST_SHOWN = 120
"""Characters of a change in the list."""


def names_of(events: Iterable[AuditEvent]) -> dict[str, str]:
    """Returns the names of the organisations of these events by their ids; of those that are still there."""
    ids = {event.organization for event in events}
    return dict(Organization.objects.filter(public_id__in=ids).values_list("public_id", "name"))


@admin.register(AuditEvent)
class AuditEventAdmin(StaffPage):
    """Staff see the log of the organisations in which they are owner or admin; superusers see all of it."""

    rights = (Rights("organization", "", view="organization.audit.read", change="organization.audit.restore"),)
    offers = ("view",)
    list_display = ("created_at", "type", "named", "change", "actor", "source", "home")
    list_filter = (
        VerbFilter,
        TargetFilter,
        SourceFilter,
        ActorFilter,
        ("created_at", admin.DateFieldListFilter),
        OrganizationFilter,
        TypeFilter,
        OneActorFilter,
        OneTargetFilter,
    )
    search_fields = (
        "type", "actor_id", "actor_name", "key_id", "target_id", "target_name", "project_id", "request_id", "address",
    )  # fmt: skip
    fieldsets = (
        ("What", {"fields": ("type", "target", "difference", "others")}),
        ("Who", {"fields": ("actor", "key_id", "source", "address", "user_agent", "request_id")}),
        ("Where", {"fields": ("home", "organization", "project_name", "project_id")}),
        ("Proof", {"fields": ("public_id", "created_at", "sequence", "previous_hash", "hash")}),
    )
    actions = ("restore_selected",)
    actions_detail = ("restore_this",)

    @admin.display(description="actor", ordering="actor_name")
    def actor(self, event: AuditEvent) -> str:
        return f"{event.actor_kind} {event.actor_name or event.actor_id}".strip()

    @admin.display(description="target", ordering="target_name")
    def target(self, event: AuditEvent) -> str:
        return f"{event.target_name} ({event.target_id})" if event.target_name else event.target_id

    @admin.display(description="target", ordering="target_name")
    def named(self, event: AuditEvent) -> str:
        return event.target_name or event.target_id

    @admin.display(description="change")
    def change(self, event: AuditEvent) -> str:
        return Truncator(summary(event)).chars(MOST_SHOWN)

    @admin.display(description="organisation", ordering="organization")
    def home(self, event: AuditEvent) -> str:
        """By name, while there is one."""
        if not event.organization:
            return "the whole server"
        known: str | None = vars(event).get("home_name")
        if known is None:
            known = names_of([event]).get(event.organization)
        return known or event.organization

    @admin.display(description="before and after")
    def difference(self, event: AuditEvent) -> str:
        """What changed, both sides beside each other, what differs marked; and, folded, what did not."""
        sides: dict[str, list[Line]] = {"same": [], "changed": []}
        for line in lines(event):
            sides["changed" if line.changed else "same"].append(line)
        marked = event.before is not None and event.after is not None
        return render_to_string("accounts/audit_difference.html", {**sides, "marked": marked})

    @admin.display(description="more of the same")
    def others(self, event: AuditEvent) -> SafeString:
        """Links to the events of the same type, by the same actor, of the same target."""
        told = {"type": "of this type", "actor_id": "by this actor", "target_id": "of this target"}
        page = reverse("admin:accounts_auditevent_changelist")
        links = [
            (page, urlencode({name: getattr(event, name)}), what) for name, what in told.items() if getattr(event, name)
        ]
        return format_html_join(" · ", '<a href="{}?{}" class="text-primary-600 dark:text-primary-500">{}</a>', links)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With the names of the organisations, read in one query for the page."""
        changes: Any = super().get_changelist_instance(request)
        changes.result_list = list(changes.result_list)
        names = names_of(changes.result_list)
        for event in changes.result_list:
            event.home_name = names.get(event.organization, "")
        return changes

    def sees(self, reach: Reach, verb: Verb) -> Q:
        if reach.everything:
            return Q()
        allowed = reach.organizations_for(str(self.rights[0].action(verb)))
        return Q(organization__in=[reach.public_ids[pk] for pk in allowed])

    def reaches(self, reach: Reach, verb: Verb, row: Any) -> bool:
        homes = {public_id: pk for pk, public_id in reach.public_ids.items()}
        return reach.may(self.rights[0].action(verb), homes.get(row.organization))

    @detail_action("Restore", "restore", icon="undo", needs="change", where=lambda event: event.before is not None)
    def restore_this(self, request: HttpRequest, event: AuditEvent) -> HttpResponse:
        """Asks whether what the event replaced is meant to be put back."""
        rows = AuditEvent.objects.filter(pk=event.pk)
        return self.confirm(request, rows, action="restore_selected", question=RESTORING)

    @staff_action("Restore what was there before", needs="change")
    def restore_selected(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> HttpResponse | None:
        """Undoes the chosen changes, the newest first, those that this member of staff could make by hand."""
        if "post" not in request.POST:
            return self.confirm(request, queryset, action="restore_selected", question=RESTORING)
        done = 0
        for event in queryset.order_by("-created_at", "-sequence"):
            try:
                self.restore(request, event)
            except CannotRestore as reason:
                self.message_user(request, f"{event}: {reason}", messages.ERROR)
            else:
                done += 1
        self.message_user(request, f"Restored: {done}.", messages.SUCCESS)
        return None

    @transaction.atomic
    def restore(self, request: HttpRequest, event: AuditEvent) -> None:
        """Restores one, in one transaction. Raises CannotRestore, also where this member of staff may not change the
        target by hand."""
        if not reach_of(request).everything:
            self.check_by_hand(request, event)
        row = restore(event)
        self.log_change(request, event, f"Restored {row}.")

    def check_by_hand(self, request: HttpRequest, event: AuditEvent) -> None:
        """Raises CannotRestore where the role of whoever is signed in does not let them do by hand what restoring
        does."""
        reach, what = reach_of(request), target_model(event).audit_options().verbose_name
        home = {public_id: pk for pk, public_id in reach.public_ids.items()}[event.organization]
        try:
            check_restoring(reach.role(home), event)
        except ScopeMissing as error:
            raise CannotRestore(f"You may not restore this {what}.") from error
