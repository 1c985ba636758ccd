"""GET /api/analytics/privacy: what is done with the events of a project."""

from typing import Any, cast

import orjson
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import bare_of
from accounts.caller_authentication import CredentialAuthentication
from accounts.queries import Query
from analytics.access import project_for
from analytics.statement import statement
from lukhas_site.http.negotiation import OnlyJson

READ = "project.analytics.read"


class PrivacyView(APIView):
    """For every key of the project, publishable ones too: a page may tell its readers what is kept of them."""

    authentication_classes = (CredentialAuthentication,)
    permission_classes = ()
    content_negotiation_class = OnlyJson
    http_method_names = ("get", "head")

    def get(self, request: Request) -> HttpResponse:
        query = Query(cast(HttpRequest, bare_of(request)).GET)
        asked = query.text("project")
        query.done()
        project = project_for(cast(Any, request.user), asked, READ)
        return HttpResponse(
            orjson.dumps(statement(project)), content_type="application/json", headers={"Cache-Control": "no-store"}
        )
