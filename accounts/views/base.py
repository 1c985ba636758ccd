"""The base of the views under /api that are for people."""

from collections.abc import Mapping
from typing import Any, cast

import orjson
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import bare_of
from accounts.caller_authentication import SessionAuthentication
from accounts.exceptions import CHALLENGE
from accounts.models import Session, User
from lukhas_site.http.bodies import parse_json
from lukhas_site.http.exchange import exchange_of
from lukhas_site.http.negotiation import OnlyJson

METHODS = ["get", "head", "post", "delete"]


class PersonView(APIView):
    """A view for whoever signed in to the API, and for nobody with a key. What it answers is for no cache."""

    authentication_classes = (SessionAuthentication,)
    permission_classes = ()
    content_negotiation_class = OnlyJson
    http_method_names = METHODS

    def get_authenticate_header(self, request: Request) -> str:
        """Asked for by DRF, which would answer 403 where nobody authenticates: signing in fails with 401."""
        return CHALLENGE

    @property
    def bare(self) -> HttpRequest:
        """Django's own request."""
        return cast(HttpRequest, bare_of(self.request))

    @property
    def session(self) -> Session:
        """The session that the request came with."""
        return cast(Session, self.request.auth)

    @property
    def user(self) -> User:
        return self.session.user

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that was sent. Raises what is wrong with it."""
        return parse_json(self.bare.content_type or "", self.bare.body)

    def refuse_query(self) -> None:
        """Raises ValidationError for any parameter in the URL: these endpoints take none."""
        for name in self.bare.GET:
            raise ValidationError({name[:64]: ["Nobody knows it."]}, code="unknown_parameter")

    def answer(self, data: Mapping[str, Any], status: int = 200) -> HttpResponse:
        exchange_of(self.bare).secret = True
        return HttpResponse(orjson.dumps(data), status=status, content_type="application/json")
