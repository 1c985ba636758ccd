"""What the staff pages share: each shows, offers and changes only what the roles of whoever is signed in allow.

A page says in `rights` where its rows belong and which action each thing takes. Django's own permissions play no part;
superusers see and may do everything that a page offers.
"""

from typing import Any, ClassVar, cast

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.models import ApiKey, Project
from accounts.reach import Place, Reach, Rights, Verb, condition, home_of, reach_of
from accounts.roles import Role
from accounts.staff_forms import ABOVE, RoleFormSet, StaffForm
from accounts.staff_lists import BoundedPaginator, filterable, visible_rows, with_visible_choices
from accounts.staff_owners import OwnersKept
from accounts.unfolded import BaseAdmin, TabularInline

ARCHIVED = "The project is archived: nothing is changed in it any more."


def is_archived(place: Any) -> bool:
    return isinstance(place, Project) and place.archived_at is not None


class VisibleChoices(BaseAdmin):
    """A form in which only those related rows can be chosen that whoever is signed in may see."""

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> QuerySet[Any] | None:
        found = super().get_field_queryset(db, db_field, request)
        if reach_of(request).everything:
            return found
        return visible_rows(db_field.remote_field.model, request)


class StaffPage(VisibleChoices, OwnersKept):
    """A page whose rows belong to organisations or projects; without `rights` it is for superusers alone.

    `offers` is what anybody at all may do on its pages. `grants` names the fields that hold roles, which nobody gives
    or takes away above their own; `prefilled` those that a new row has filled in where there is one choice only.
    """

    rights: ClassVar[tuple[Rights, ...]] = ()
    offers: ClassVar[tuple[Verb, ...]] = ("view", "add", "change", "delete")
    grants: ClassVar[tuple[str, ...]] = ()
    prefilled: ClassVar[tuple[str, ...]] = ()
    form: Any = StaffForm
    paginator = BoundedPaginator
    show_full_result_count = False
    ordering: ClassVar[Any] = ("-id",)

    # --- Who may do what -----------------------------------------------------------------------------------------

    def sees(self, reach: Reach, verb: Verb) -> Q:
        """Returns what is true of the rows to which this person may do `verb`."""
        return condition(self.rights, reach, verb)

    def reaches(self, reach: Reach, verb: Verb, row: Any) -> bool:
        """Returns whether this person may do `verb` to `row`, saved or not."""
        if reach.everything:
            return True
        home = home_of(self.rights, row)
        if home is None or not reach.may_in(home[0].action(verb), home[1]):
            return False
        return verb != "delete" or all(self.may_grant(reach, row, name, getattr(row, name)) for name in self.grants)

    def may_grant(self, reach: Reach, row: Any, name: str, role: str) -> bool:
        """Returns whether this person may give or take away `role`, held in the field `name` of `row`."""
        place = self.granted_in(row, name)
        return not role or (place is not None and reach.may_grant(role, place))

    def granted_in(self, row: Any, name: str) -> Place | None:
        """Returns the organisation or project in which the role in this field is held."""
        return self.rights[0].place_of(row)

    def may(self, request: HttpRequest, verb: Verb, row: Any = None) -> bool:
        """Returns whether whoever is signed in may do `verb` to `row`, or to any row at all."""
        if verb not in self.offers:
            return False
        return self.reaches_any(request, verb) if row is None else self.reaches(reach_of(request), verb, row)

    def reaches_any(self, request: HttpRequest, verb: Verb) -> bool:
        reach = reach_of(request)
        return reach.everything or any(reach.may_anywhere(each.action(verb)) for each in self.rights)

    def refusal(self, request: HttpRequest, form: Any) -> str:
        """Returns why the row that a valid form would save may not be saved by whoever is signed in; empty where it
        may."""
        reach, row = reach_of(request), form.instance
        home = home_of(self.rights, row)
        if home is not None and is_archived(home[1]):
            return ARCHIVED
        if reach.everything:
            return ""
        if not self.reaches(reach, "change" if row.pk else "add", row):
            return "You may not save this there."
        for name in self.grants:
            both = {getattr(row, name), form.initial.get(name, "")}
            changes = len(both) > 1 or not row.pk
            if changes and not all(self.may_grant(reach, row, name, role) for role in both):
                return ABOVE
        return ""

    # --- What Django asks ----------------------------------------------------------------------------------------

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "view", obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete", obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "view")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(self.sees(reach_of(request), "view"))

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.refusal = staticmethod(lambda filled: self.refusal(request, filled))
        return form

    def get_list_filter(self, request: HttpRequest) -> Any:
        return with_visible_choices(self.model, super().get_list_filter(request))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return filterable(self.get_list_filter(request), lookup)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        initial: dict[str, Any] = dict(super().get_changeform_initial_data(request))
        for name in self.prefilled:
            model: Any = self.opts.get_field(name).related_model
            if len(choices := visible_rows(model, request)[:2]) == 1:
                initial.setdefault(name, choices[0].pk)
        return initial

    # --- Actions -------------------------------------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> Any:
        """Without those that whoever is signed in may do to no row at all."""
        found: Any = super().get_actions(request)
        needs: dict[str, Verb] = {name: getattr(action[0], "needs", "view") for name, action in found.items()}
        return {name: action for name, action in found.items() if self.reaches_any(request, needs[name])}

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """The buttons on the page of a row: those that fit it, and that whoever is signed in may use."""
        found: list[Any] = cast(Any, super()).get_actions_detail(request, object_id)
        if not found or (row := self.get_object(request, object_id)) is None:
            return []
        reach = reach_of(request)
        return [each for each in found if each.method.where(row) and self.reaches(reach, each.method.needs, row)]

    def confirm(
        self, request: HttpRequest, queryset: QuerySet[Any], *, action: str, question: str, form: Any = None
    ) -> HttpResponse:
        """Returns the page that asks whether `action` is meant, and what else the `form` asks; answering yes posts it
        again with `post`."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Are you sure?",
            "question": question,
            "objects": queryset,
            "action": action,
            "form": form,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "accounts/confirm.html", context)


class StaffInline(VisibleChoices):
    """Rows on the page of the organisation or project to which they belong. They take the actions of `rights`; without
    it they are for superusers alone."""

    rights: ClassVar[Rights | None] = None
    extra: int = 0

    def may(self, request: HttpRequest, verb: Verb, place: Any) -> bool:
        reach = reach_of(request)
        if verb != "view" and is_archived(place):
            return False
        if reach.everything or self.rights is None:
            return reach.everything
        action = self.rights.action(verb)
        return reach.may_anywhere(action) if place is None else reach.may_in(action, place)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "view", obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "add", obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, "delete", obj)


class RoleInline(StaffInline, TabularInline):
    """The roles that people have in this organisation or project: nobody gives or takes away one above their own."""

    formset = RoleFormSet

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        formset: Any = super().get_formset(request, obj, **kwargs)
        reach = reach_of(request)
        formset.grantable = [each for each in ("", *Role.values) if reach.everything or reach.may_grant(each, obj)]
        return formset


class KeyOwnerPage(StaffPage):
    """Deleting an owner deletes its keys, for which no permission of its own is asked: keys have no delete page."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, lacking - {str(self.admin_site.get_model_admin(ApiKey).opts.verbose_name)}, protected
