"""Lists on the staff pages whose rows can be taken out: all that the list shows, by its filters and its search, and so
no more than whoever is signed in may see."""

from typing import Any, ClassVar

from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils import timezone

from accounts.models import Organization
from accounts.reach import Reach, reach_of
from accounts.staff import StaffPage
from analytics.exporting.answers import answer
from analytics.exporting.formats import FORMATS
from analytics.exporting.kinds import KINDS
from analytics.exporting.telling import tell_of_organizations


class Exported(StaffPage):
    """`exports` is the kind of `analytics.exporting.kinds` that the rows are."""

    exports: ClassVar[str]
    list_before_template = "analytics/export_links.html"

    def get_urls(self) -> list[Any]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_export"
        view = self.admin_site.admin_view(self.export_view)
        return [path("export/<slug:form>/", view, name=name), *super().get_urls()]

    def export_view(self, request: HttpRequest, form: str) -> HttpResponseBase:
        """What the list with the same query shows, as a file."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "GET" or form not in FORMATS:
            raise Http404
        asked = request.GET.copy()
        asked.pop("p", None)  # of all pages
        vars(request)["GET"] = asked
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return HttpResponseRedirect(
                f"{reverse(f'admin:{self.opts.app_label}_{self.opts.model_name}_changelist')}?e=1"
            )
        told = {"kind": self.exports, "format": form, "filters": asked.dict()}
        tell_of_organizations(self.organizations(reach_of(request)), told)
        return answer(KINDS[self.exports], rows, FORMATS[form], timezone.now())

    def organizations(self, reach: Reach) -> QuerySet[Organization]:
        """Returns those of which somebody may see any row here."""
        if reach.everything:
            return Organization.objects.all()
        action = str(self.rights[0].action("view"))
        here = Q(pk__in=reach.organizations_for(action)) | Q(projects__in=reach.projects_for(action))
        return Organization.objects.filter(here).distinct()
