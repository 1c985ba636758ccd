"""/api/audit: the whole audit log of an organisation, and the way back."""

from collections.abc import Mapping
from typing import Any, cast

import orjson
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts import roles
from accounts.audit.restoring import CannotRestore, restore
from accounts.audit.rights import check_restoring
from accounts.audit.searching import Filters, all_events_of, events_of
from accounts.audit.wire import event_object, restored_object
from accounts.authentication import bare_of
from accounts.caller import Seat
from accounts.caller_authentication import CallerAuthentication, caller_of
from accounts.exceptions import Conflicting, NotThere
from accounts.models import AuditEvent
from accounts.pagination import page
from accounts.queries import Query
from lukhas_site.http.bodies import parse_json
from lukhas_site.http.negotiation import OnlyJson

LATEST = 250_000_000_000
"""Some moment in the year 9892, in seconds since 1970: beyond 9999 no date can be told."""
SOURCES = ("api", "admin", "page", "command", "code")
ACTORS = ("user", "service_account", "anonymous", "command", "system")


class AuditView(APIView):
    """A view of the log of one organisation, for people and holders of admin keys who may read it.

    What is asked of the caller is told by `organization_id` and `role`, and by nothing else.
    """

    authentication_classes = (CallerAuthentication,)
    permission_classes = ()
    content_negotiation_class = OnlyJson
    seat: Seat

    def check_permissions(self, request: Request) -> None:
        """Raises OrganizationUnclear, OrganizationMismatch, and ScopeMissing for whoever may not read the log."""
        self.seat = caller_of(request).seat_for("organization.audit.read")

    @property
    def organization_id(self) -> str:
        """The public id of the organisation whose log this is."""
        return self.seat.organization_id

    @property
    def role(self) -> roles.Role:
        """What the caller is there."""
        return self.seat.role

    def answer(self, data: Mapping[str, Any]) -> HttpResponse:
        return HttpResponse(orjson.dumps(data), content_type="application/json", headers={"Cache-Control": "no-store"})


class AuditListView(AuditView):
    """Everything that was done in the organisation, the latest first, with both sides of each change."""

    http_method_names = ("get", "head")

    def get(self, request: Request) -> HttpResponse:
        query = Query(request.query_params)
        cursor, filters = query.cursor(), parse_filters(query)
        query.done()
        known = all_events_of(self.organization_id)
        return self.answer(page(events_of(self.organization_id, filters), cursor, event_object, anchors=known))


class AuditRestoreView(AuditView):
    """Puts back what an event replaced. Only who may change that by hand may do so."""

    http_method_names = ("post",)

    def post(self, request: Request, event_id: str) -> HttpResponse:
        refuse_parameters(cast(HttpRequest, bare_of(request)))
        event = find_event(self.organization_id, event_id)
        try:
            with transaction.atomic():
                check_restoring(self.role, event)
                row = restore(event)
        except CannotRestore as reason:
            raise Conflicting(str(reason), code="cannot_restore") from reason
        return self.answer(restored_object(event, row))


def find_event(organization_id: str, event_id: str) -> AuditEvent:
    """The event of this organisation. Raises NotThere."""
    event = None
    if event_id.isascii() and event_id.isprintable():  # anything else no database needs to be asked for
        event = all_events_of(organization_id).filter(public_id=event_id).first()
    if event is None:
        raise NotThere("audit event", event_id)
    return event


def refuse_parameters(request: HttpRequest) -> None:
    """Raises ValidationError for anything in the query or the body, which may be left out or be an empty object."""
    body = parse_json(request.content_type or "", request.body) if request.body else {}
    for name in (*request.GET, *body):
        raise ValidationError({name[:64]: ["Nobody knows it."]}, code="unknown_parameter")


def parse_filters(query: Query) -> Filters:
    """Raises what is wrong with the parameters."""

    def moment(how: str, step: int = 0) -> list[int]:
        second = query.whole(f"effective_at[{how}]", 0, LATEST)
        return [] if second is None else [second + step]

    return Filters(
        since=max([*moment("gte"), *moment("gt", 1)], default=None),
        until=min([*moment("lte"), *moment("lt", -1)], default=None),
        types=query.texts("event_types"),
        projects=query.texts("project_ids"),
        actors=query.texts("actor_ids"),
        emails=query.texts("actor_emails"),
        resources=query.texts("resource_ids"),
        resource_types=query.texts("resource_types"),
        actor_kinds=query.texts("actor_types", ACTORS),
        sources=query.texts("sources", SOURCES),
        requests=query.texts("request_ids"),
    )
