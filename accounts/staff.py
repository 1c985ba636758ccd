"""What the staff pages share."""

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from accounts.models import ApiKey
from accounts.unfolded import ModelAdmin


class StaffPage(ModelAdmin):
    """What the pages share: no count of the whole table, and confirmation of what cannot be undone."""

    show_full_result_count = False
    ordering = ("-id",)

    def confirm(self, request: HttpRequest, queryset: QuerySet[Any], *, action: str, question: str) -> HttpResponse:
        """Returns the page that asks whether `action` is meant; answering yes posts it again with `post`."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Are you sure?",
            "question": question,
            "objects": queryset,
            "action": action,
            "action_checkbox_name": ACTION_CHECKBOX_NAME,
        }
        return TemplateResponse(request, "accounts/confirm.html", context)


class KeyOwnerPage(StaffPage):
    """Deleting an owner deletes its keys, for which no permission of its own is asked: keys have no delete page."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, Any, set[str], Any]:
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        return deleted, counts, lacking - {str(self.admin_site.get_model_admin(ApiKey).opts.verbose_name)}, protected
