"""GET /api/analytics/metrics: what happened in a project within the last hours."""

from typing import Any, cast

import orjson
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import bare_of
from accounts.caller_authentication import CredentialAuthentication
from accounts.queries import Query
from analytics.access import project_for
from analytics.metrics import metrics
from lukhas_site.http.negotiation import OnlyJson

READ = "project.analytics.read"
SCOPE = "usage.read"
USUAL_HOURS = 24
MOST_HOURS = 8784
"""A year that has a day more."""


class MetricsView(APIView):
    """For keys of the project with the scope, and for people and admin keys whose role allows it there."""

    authentication_classes = (CredentialAuthentication,)
    permission_classes = ()
    content_negotiation_class = OnlyJson
    http_method_names = ("get", "head")

    def get(self, request: Request) -> HttpResponse:
        query = Query(cast(HttpRequest, bare_of(request)).GET)
        asked = query.text("project")
        hours = query.whole("hours", 1, MOST_HOURS) or USUAL_HOURS
        query.done()
        project = project_for(cast(Any, request.user), asked, READ, SCOPE)
        data = metrics(project, hours, timezone.now())
        return HttpResponse(orjson.dumps(data), content_type="application/json", headers={"Cache-Control": "no-store"})
