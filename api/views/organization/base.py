"""The base of the Admin API's views: who may call, what they may see, and how a body is read and an answer written."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

import orjson
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.exceptions import ScopeMissing
from accounts.models import Project
from accounts.permissions import principal_of
from accounts.principal import Principal
from accounts.roles import allowed
from api.administration.projects import find_project
from api.exceptions import UnsupportedEndpoint
from api.serializers.organization.queries import Parameters
from lukhas_site.http.bodies import parse_json
from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.negotiation import OnlyJson


class OrganizationView(APIView):
    """A view of the key's own organisation, for keys that hold `admin.*`.

    `actions` names, for each method, what its caller's role must allow: an action of `accounts.roles.ACTIONS`. Whoever
    comes here with `admin.*` is at least an admin of the organisation, and so has that role in all its projects.
    `unsupported` are methods that the specification has for this path and this server has not.
    """

    required_scope: ClassVar[str] = "admin.*"
    actions: ClassVar[Mapping[str, str]] = {}
    unsupported: ClassVar[frozenset[str]] = frozenset()
    content_negotiation_class = OnlyJson
    http_method_names = ["get", "head", "post", "delete"]  # noqa: RUF012 - Django declares a list

    def check_permissions(self, request: Request) -> None:
        """Raises KeyMissing, and ScopeMissing for a key without the scope, or whose owner has too low a role."""
        super().check_permissions(request)
        method = (request.method or "").lower().replace("head", "get")
        action = self.actions.get(method)  # None where the method is not answered at all
        if action is not None and not allowed(self.caller.role, action):
            raise ScopeMissing((action,))

    def http_method_not_allowed(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Raises UnsupportedEndpoint, or, for a method that nobody knows here, MethodNotAllowed."""
        if (request.method or "").lower() in self.unsupported:
            raise UnsupportedEndpoint(request.method or "", request.path)
        return super().http_method_not_allowed(request, *args, **kwargs)

    @property
    def caller(self) -> Principal:
        return cast(Principal, principal_of(self.request))

    @property
    def organization_id(self) -> str:
        """The public id of the organisation that the key is of."""
        return self.caller.organization_id

    def project(self, project_id: str) -> Project:
        """The project of this organisation. Raises NotFound."""
        return find_project(self.organization_id, project_id)

    @property
    def query(self) -> Parameters:
        """The query string, to be read to its end."""
        return Parameters(self.request.query_params)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that was sent, empty where nothing was. Raises what is wrong with it."""
        request: HttpRequest = self.request._request  # noqa: SLF001 - DRF would parse it by itself, less strictly
        return parse_json(request.content_type or "", request.body) if request.body else {}

    def answer(self, data: Mapping[str, Any], *, secret: bool = False) -> HttpResponse:
        """`secret` where it shows a key: it is neither compressed nor stored on its way."""
        exchange_of(self.request).secret = secret
        return HttpResponse(orjson.dumps(data), content_type="application/json")


class UnsupportedView(OrganizationView):
    """Everything else under /v1/organization and /v1/projects: of the specification or not, it is not here."""

    http_method_names = ["get", "head", "post", "put", "patch", "delete"]  # noqa: RUF012 - likewise
    schema = None

    def refuse(self, request: Request, rest: str) -> HttpResponse:
        raise UnsupportedEndpoint(request.method or "", request.path)

    get = post = put = patch = delete = refuse


def deleted(kind: str, id: str | None = None) -> dict[str, Any]:
    """The specification's answer to a deletion; without an id where there was but one of the kind."""
    named = {} if id is None else {"id": id}
    return {**named, "object": f"{kind}.deleted", "deleted": True}
