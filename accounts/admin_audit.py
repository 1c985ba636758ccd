"""The audit browser: read only, and a way back."""

from typing import Any, cast

from django.apps import apps
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from accounts import roles
from accounts.audit.restoring import CannotRestore, restore, target_model
from accounts.models import AuditEvent, Membership, Organization, Role, User
from accounts.models.audited import Audited
from accounts.staff import StaffPage

READERS = [role.value for role in Role if roles.allowed(role, "organization.audit.read")]


class OrganizationFilter(admin.SimpleListFilter):
    """By the organisation's name; ids are all that the log holds of it."""

    title = "organisation"
    parameter_name = "organization"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        named = Organization.objects.filter(public_id__in=visible(request)) if restricted(request) else None
        found = Organization.objects.all() if named is None else named
        server = [] if restricted(request) else [("server", "The whole server")]
        return [*server, *found.order_by("name").values_list("public_id", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        value = self.value()
        if value is None:
            return queryset
        return queryset.filter(organization="" if value == "server" else value)


class TargetFilter(admin.SimpleListFilter):
    """By what was changed. The choices are the audited models: reading them from the log would read all of it."""

    title = "target"
    parameter_name = "target_type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        audited = [model.audit_options() for model in apps.get_models() if issubclass(model, Audited)]
        return sorted((meta.label_lower, str(meta.verbose_name)) for meta in audited)

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(target_type=self.value()) if self.value() else queryset


class TextFilter(admin.SimpleListFilter):
    """By a short list of texts, of which the log has no others."""

    choices_here: tuple[str, ...]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(choice, choice) for choice in self.choices_here]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class SourceFilter(TextFilter):
    title = parameter_name = "source"
    choices_here = ("api", "admin", "command", "code")


class ActorFilter(TextFilter):
    title = "actor"
    parameter_name = "actor_kind"
    choices_here = ("user", "service_account", "anonymous", "command", "system")


class VerbFilter(admin.SimpleListFilter):
    """By what was done, whatever it was done to."""

    title = "type"
    parameter_name = "verb"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        verbs = ("created", "added", "updated", "deleted", "archived", "exposed", "pruned")
        return [(verb, verb) for verb in verbs]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(type__endswith=f".{self.value()}") if self.value() else queryset


def restricted(request: HttpRequest) -> bool:
    """Returns whether this member of staff sees only some organisations."""
    return not getattr(request.user, "is_superuser", False)


def visible(request: HttpRequest) -> list[str]:
    """Returns the public ids of the organisations whose log this member of staff may read by role."""
    member = Membership.objects.filter(user=cast(User, request.user), role__in=READERS)
    return list(member.values_list("organization__public_id", flat=True))


@admin.register(AuditEvent)
class AuditEventAdmin(StaffPage):
    """Staff see the log of the organisations in which they are owner or admin; superusers see all of it."""

    list_display = ("created_at", "type", "actor", "source", "target", "organization", "project_name", "request_id")
    list_filter = (
        VerbFilter,
        TargetFilter,
        SourceFilter,
        ActorFilter,
        ("created_at", admin.DateFieldListFilter),
        OrganizationFilter,
    )
    search_fields = (
        "type", "actor_id", "actor_name", "key_id", "target_id", "target_name", "project_id", "request_id", "address",
    )  # fmt: skip
    fieldsets = (
        ("What", {"fields": ("type", "target", "difference")}),
        ("Who", {"fields": ("actor", "key_id", "source", "address", "user_agent", "request_id")}),
        ("Where", {"fields": ("organization", "project_id", "project_name")}),
        ("Proof", {"fields": ("public_id", "created_at", "sequence", "previous_hash", "hash")}),
    )
    actions = ("restore_selected",)

    @admin.display(description="actor", ordering="actor_name")
    def actor(self, event: AuditEvent) -> str:
        return f"{event.actor_kind} {event.actor_name or event.actor_id}".strip()

    @admin.display(description="target", ordering="target_name")
    def target(self, event: AuditEvent) -> str:
        return f"{event.target_name} ({event.target_id})" if event.target_name else event.target_id

    @admin.display(description="before and after")
    def difference(self, event: AuditEvent) -> str:
        """Both sides of the change in a table, what differs marked."""
        before, after = event.before or {}, event.after or {}
        changed = set(event.changed())
        rows = [
            {"name": name, "before": before.get(name, ""), "after": after.get(name, ""), "changed": name in changed}
            for name in dict.fromkeys([*before, *after])
        ]
        return render_to_string("accounts/audit_difference.html", {"rows": rows})

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditEvent]:
        events = super().get_queryset(request)
        return events.filter(organization__in=visible(request)) if restricted(request) else events

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Restore what was there before", permissions=["view"])
    def restore_selected(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> HttpResponse | None:
        """Undoes the chosen changes, the newest first, those that this member of staff could make by hand."""
        if "post" not in request.POST:
            question = "Put back what these changes replaced? Later changes of the same fields are lost."
            return self.confirm(request, queryset, action="restore_selected", question=question)
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

    def restore(self, request: HttpRequest, event: AuditEvent) -> None:
        """Restores one. Raises CannotRestore, also where this member of staff may not change the target by hand."""
        meta = target_model(event).audit_options()
        what = "add" if event.after is None else "change"
        if not self.may(request, event) or not request.user.has_perm(f"{meta.app_label}.{what}_{meta.model_name}"):
            raise CannotRestore(f"You may not {what} this {meta.verbose_name}.")
        row = restore(event)
        self.log_change(request, event, f"Restored {row}.")

    def may(self, request: HttpRequest, event: AuditEvent) -> bool:
        """Returns whether the role of this member of staff allows restoring in the event's organisation."""
        if not restricted(request):
            return True
        member = Membership.objects.filter(
            user=cast(User, request.user), organization__public_id=event.organization
        ).first()
        return member is not None and roles.allowed(member.role, "organization.audit.restore")
