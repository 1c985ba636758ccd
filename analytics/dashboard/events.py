"""The page "Event charts" of the staff: what people did, and what was rejected, drawn and in tables. It reads counts
only, and its address says all that is shown."""

from collections.abc import Collection
from typing import Any

from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Organization, Project
from accounts.reach import Reach, Rights, condition, reach_of
from analytics.dashboard.activity import activity
from analytics.dashboard.looking import Look, Sight, look
from analytics.models import EventCount, EventOutcome
from analytics.models.rollups import Width

ACTION = "project.analytics.read"
FIRST_EVENT = """curl {} \\
    -H "Authorization: Bearer $LUKHAS_API_KEY" -H "Content-Type: application/json" \\
    -d '{{"events": [{{"event": "page_view", "properties": {{}}, "timestamp": "'$(date -u +%FT%TZ)'"}}]}}'"""
"""What a first event is sent by. Every organisation begins with the name."""


@require_safe
def event_charts(request: HttpRequest) -> HttpResponse:
    """What was asked for. The same few queries whatever there is. Raises PermissionDenied."""
    reach = reach_of(request)
    if not reach.may_anywhere(ACTION):
        raise PermissionDenied
    seen = sight(reach)
    asked = look(seen, request.GET.dict(), timezone.now(), finest=Width.HOUR)
    context = {
        **site.each_context(request),
        "title": "Event charts",
        "first_event": FIRST_EVENT.format(request.build_absolute_uri("/api/analytics/events")),
        **(shown(seen, asked) if asked else {}),
    }
    for told in context.get("complaints", ()):
        messages.warning(request, told)
    return TemplateResponse(request, "analytics/event_charts.html", context)


def sight(reach: Reach) -> Sight:
    """The projects whose analytics somebody may read, and the organisations that these are of."""
    projects = Project.objects.filter(condition((Rights("project", "", view=ACTION),), reach, "view"))
    if reach.everything:
        return Sight(Organization.objects.all(), projects)
    homes = {reach.projects[pk][0] for pk in reach.projects_for(ACTION)}
    return Sight(Organization.objects.filter(pk__in=homes.union(reach.organizations_for(ACTION))), projects)


def shown(seen: Sight, asked: Look) -> dict[str, Any]:
    """What the page is made of."""
    # Read first: in a query of their own, databases would look at counts of all times and projects.
    places = list(seen.within(asked.organization.id).order_by().values_list("public_id", flat=True))
    found = activity([asked.project.id] if asked.project else places, asked.period, timezone.now())
    told = {"asked": asked, "complaints": asked.complaints, "choices": asked.filters(), "activity": found}
    if found is None:
        told |= {"ever": ever(places), "longer": asked.longer()}
    return told


def ever(projects: Collection[str]) -> bool:
    """Whether anything ever came in."""
    return any(QuerySet(model).filter(project_id__in=projects).exists() for model in (EventCount, EventOutcome))
