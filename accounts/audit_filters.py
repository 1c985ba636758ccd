"""How the audit log is filtered. None of these reads the log to know what to offer: that would be reading all of it."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from accounts.models import AuditEvent, Organization
from accounts.models.audited import Audited
from accounts.reach import reach_of
from accounts.staff_lists import MOST_CHOICES, visible_rows


class OrganizationFilter(admin.SimpleListFilter):
    """By the organisation's name; ids are all that the log holds of it."""

    title = "organisation"
    parameter_name = "organization"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        server = [("server", "The whole server")] if reach_of(request).everything else []
        named = visible_rows(Organization, request).order_by("name").values_list("public_id", "name")
        return [*server, *named[:MOST_CHOICES]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        value = self.value()
        if value is None:
            return queryset
        return queryset.filter(organization="" if value == "server" else value)


class TargetFilter(admin.SimpleListFilter):
    """By what was changed. The choices are the audited models."""

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
    choices_here = ("api", "admin", "page", "command", "code")


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


class ChosenFilter(admin.SimpleListFilter):
    """By one exact value, which a link on the page of an event puts there; it can only be taken away here."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        chosen = request.GET.get(str(self.parameter_name))
        return [(chosen, chosen)] if chosen else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        return queryset.filter(**{str(self.parameter_name): self.value()}) if self.value() else queryset


class TypeFilter(ChosenFilter):
    title = "exact type"
    parameter_name = "type"


class OneActorFilter(ChosenFilter):
    title = "one actor"
    parameter_name = "actor_id"


class OneTargetFilter(ChosenFilter):
    title = "one target"
    parameter_name = "target_id"
