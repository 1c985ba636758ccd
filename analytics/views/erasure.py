"""DELETE /api/analytics/data: erases everything about a session or a user of a project."""

from typing import Any, cast

import orjson
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import bare_of
from accounts.caller_authentication import CredentialAuthentication
from accounts.queries import Query
from analytics.access import project_for
from analytics.erasing import erase
from analytics.models import Erasure
from lukhas_site.http.negotiation import OnlyJson

ERASE = "project.analytics.erase"
SCOPE = "events.erase"


class ErasureView(APIView):
    """For keys of the project with the scope, and for people and admin keys whose role allows it there."""

    authentication_classes = (CredentialAuthentication,)
    permission_classes = ()
    content_negotiation_class = OnlyJson
    http_method_names = ("delete",)

    def delete(self, request: Request) -> HttpResponse:
        query = Query(cast(HttpRequest, bare_of(request)).GET)
        asked = query.text("project")
        told = {Erasure.Kind.SESSION: query.text("session_id"), Erasure.Kind.PERSON: query.text("user_id")}
        query.done()
        project = project_for(cast(Any, request.user), asked, ERASE, SCOPE)
        whose = {kind: text for kind, text in told.items() if text is not None}
        if not whose:
            raise ValidationError({"session_id": ["Name a session, or a user by user_id."]}, code="required")
        erased = erase(project, whose)
        data = {
            "object": "analytics.data.deleted",
            "project": project.public_id,
            "deleted": True,
            "events": erased.events,
            "rejected_events": erased.rejected,
            "raw_exposures": erased.exposures,
            "visits": erased.visits,
        }
        return HttpResponse(orjson.dumps(data), content_type="application/json", headers={"Cache-Control": "no-store"})
