"""The page itself. Its address says all that is shown, so that it can be kept and sent."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import site
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.reach import reach_of
from analytics.dashboard.asking import ACTION, FIELDS, Asked, ask
from analytics.dashboard.breakdown import HEADERS, breakdown
from analytics.dashboard.figures import overview
from analytics.dashboard.rollout import rollout
from analytics.models import Dimension

FIRST_REQUEST = """curl {} \\
    -H "Authorization: Bearer $LUKHAS_API_KEY" -H "Content-Type: application/json" \\
    -d '{{"model": "lukhas-echo-1", "messages": [{{"role": "user", "content": "Hello"}}]}}'"""
"""What a first request is made by. The model is there from the first start on."""


@require_safe
def usage(request: HttpRequest) -> HttpResponse:
    """What was asked for. The same few queries whatever there is. Raises PermissionDenied."""
    reach = reach_of(request)
    if not reach.may_anywhere(ACTION):
        raise PermissionDenied
    asked = ask(reach, request.GET.dict(), timezone.now())
    context = {
        **site.each_context(request),
        "title": "Usage",
        "first_request": FIRST_REQUEST.format(request.build_absolute_uri("/v1/chat/completions")),
        **(shown(asked) if asked else {}),
    }
    for told in context.get("complaints", ()):
        messages.warning(request, told)
    return TemplateResponse(request, "analytics/dashboard.html", context)


def shown(asked: Asked) -> dict[str, Any]:
    """What the page is made of."""
    over_time = overview(asked.question, asked.period, timezone.now())
    found: dict[str, Any] = {"asked": asked, "complaints": asked.complaints, "choices": choices(asked)}
    if not over_time.drawing.total["requests"]:
        ever = Dimension.objects.filter(organization_id=asked.organization.id).exists()
        return {**found, "ever": ever, "longer": asked.longer()}
    compared = rollout(asked)
    told = (*asked.complaints, *(compared.complaints if compared else ()))
    return {
        **found,
        "complaints": told,
        "overview": over_time,
        "breakdown": breakdown(asked, over_time.drawing),
        "headers": HEADERS,
        "rollout": compared,
    }


def choices(asked: Asked) -> dict[str, Any]:
    """What the filters are made of."""
    return {
        **asked.filters(),
        "by": [(name, f"{asked.address(by=name)}#breakdown", name == asked.by) for name in FIELDS],
        "beside_rollout": asked.beside("flag", "control"),
    }
