"""The base of the views under /api/features."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any, TypeVar, cast

import orjson
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import bare_of
from accounts.caller_authentication import CredentialAuthentication
from accounts.queries import Query
from features.access import READ, Access, access_of
from features.exceptions import PreconditionFailed
from features.models import Flag, FlagsVersion
from features.protection import UPDATE
from features.wire import etag, flag_object
from lukhas_site.http.bodies import parse_json
from lukhas_site.http.negotiation import OnlyJson
from lukhas_site.http.problems import BodyTooLarge

READING = ("GET", "HEAD")
MOST_BYTES = 1024 * 1024
"""How large a flag may be."""
KINDS: dict[type, str] = {str: "a string", dict: "an object"}
Member = TypeVar("Member", str, dict[str, Any])


class FeaturesView(APIView):
    """A view for people who signed in and for keys, of the flags of one organisation. `needed` is what they must be
    allowed to do, unless they only read; `most_bytes` is how large a body may be. What is answered is for no cache."""

    authentication_classes = (CredentialAuthentication,)
    permission_classes = ()
    content_negotiation_class = OnlyJson
    needed = UPDATE
    most_bytes = MOST_BYTES
    access: Access

    def check_permissions(self, request: Request) -> None:
        """Raises ScopeMissing, OrganizationUnclear and OrganizationMismatch."""
        self.access = access_of(cast(Any, request.user), READ if request.method in READING else self.needed)

    @property
    def bare(self) -> HttpRequest:
        """Django's own request."""
        return cast(HttpRequest, bare_of(self.request))

    @cached_property
    def query(self) -> Query:
        return Query(self.bare.GET)

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that was sent. Raises what is wrong with it."""
        if len(self.bare.body) > self.most_bytes:
            raise BodyTooLarge(self.most_bytes)
        return parse_json(self.bare.content_type or "", self.bare.body)

    def member(self, name: str, kind: type[Member]) -> Member:
        """The only member that the JSON object may have, and must. Raises what is wrong with it."""
        body = self.body
        for other in body:
            if other != name:
                raise ValidationError({other[:64]: ["Nobody knows it."]}, code="unknown_parameter")
        if name not in body:
            raise ValidationError({name: ["It is missing."]}, code="required")
        if not isinstance(body[name], kind):
            raise ValidationError({name: [f"It must be {KINDS[kind]}."]}, code="invalid")
        return cast(Member, body[name])

    def place(self) -> str:
        """The key of the environment that is meant. Raises ValidationError for any other parameter."""
        place = self.access.place(self.query.text("environment"), self.query.text("project"))
        self.query.done()
        return place

    def seen(self) -> Collection[str] | None:
        """Those of the environments that are to be shown, None for all. Raises likewise."""
        seen = self.access.seen(self.query.text("environment"), self.query.text("project"))
        self.query.done()
        return seen

    @contextmanager
    def locked(self, key: str) -> Iterator[Flag]:
        """The flag, which nobody else changes until this ends. Raises NotThere, and PreconditionFailed."""
        with transaction.atomic():
            FlagsVersion.bump()
            flag = self.access.flag(key)
            check_match(self.bare.headers.get("If-Match"), flag)
            yield flag

    def answer(self, data: Mapping[str, Any], status: int = 200, **headers: str) -> HttpResponse:
        return HttpResponse(
            orjson.dumps(data),
            status=status,
            content_type="application/json",
            headers={"Cache-Control": "no-store", **headers},
        )

    def answer_flag(self, key: str, seen: Collection[str] | None, status: int = 200) -> HttpResponse:
        """The flag as it is now, with its tag."""
        flag = self.access.flag(key)
        return self.answer(flag_object(flag, seen), status, ETag=etag(flag))


def check_match(asked: str | None, flag: Flag) -> None:
    """Raises PreconditionFailed where If-Match names tags, and none is the flag's (RFC 9110, 13.1.1).

    A weak tag is as good here: it is of the flag, and not of bytes; an answer that is compressed has it so.
    """
    tags = [tag.strip().removeprefix("W/") for tag in (asked or "*").split(",")]
    if "*" not in tags and etag(flag) not in tags:
        raise PreconditionFailed
