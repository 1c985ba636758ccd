"""The lists of the staff pages: counted only so far, and filtered only by what their readers may see."""

from functools import cached_property
from typing import Any

from django.contrib.admin import RelatedFieldListFilter, site
from django.contrib.admin.utils import get_fields_from_path
from django.db import models
from django.http import HttpRequest

from accounts.unfolded import ModelAdmin, Paginator

MOST_COUNTED = 10_000
MOST_CHOICES = 100

LOOKUPS = ("", "__exact", "__id__exact", "__isnull", "__isempty", "__gte", "__gt", "__lte", "__lt", "__in")
"""What the lists' own filters append to the name of a field."""


class BoundedPaginator(Paginator):
    """Counts to ten thousand and no further: what lies beyond is found by searching and filtering."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:MOST_COUNTED].count())


def visible_rows(model: type[models.Model], request: HttpRequest) -> models.QuerySet[Any]:
    """Returns the rows of `model` that whoever is signed in may see: those that its staff page shows."""
    if not site.is_registered(model):
        return models.QuerySet(model).none()
    return site.get_model_admin(model).get_queryset(request)


class VisibleFilter(RelatedFieldListFilter):
    """By a related row, of those that the reader may see; of many, the hundred that come first on their own page."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: ModelAdmin) -> Any:
        rows = visible_rows(field.remote_field.model, request)[:MOST_CHOICES]
        return sorted(((str(row.pk), str(row)) for row in rows), key=lambda choice: choice[1])


def with_visible_choices(model: type[models.Model], filters: Any) -> list[Any]:
    """Returns the filters of a list, with those by a related row offering only what may be seen."""
    return [
        (each, VisibleFilter) if isinstance(each, str) and get_fields_from_path(model, each)[-1].is_relation else each
        for each in filters
    ]


def filterable(filters: Any, lookup: str) -> bool:
    """Returns whether `lookup` comes from one of the list's own filters. Any other would let the reader ask about
    fields that the list does not show."""
    names = [each if isinstance(each, str) else each[0] for each in filters if isinstance(each, str | tuple)]
    own = [getattr(each, "parameter_name", None) for each in filters]
    return lookup in own or any(lookup == f"{name}{suffix}" for name in names for suffix in LOOKUPS)
