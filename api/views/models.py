"""GET /v1/models and /v1/models/{id}: what can be asked for."""

import orjson
from django.http import HttpRequest, HttpResponse

from accounts.permissions import principal_of
from api import catalog
from api.exceptions import ModelNotFound
from api.views import documentation as documented
from lukhas_site.http.views import AsyncAPIView


class ModelListView(AsyncAPIView):
    """The models and aliases that the caller can use."""

    required_scope = "model.read"

    @documented.models
    async def get(self, request: HttpRequest) -> HttpResponse:
        body, etag = (await catalog.current()).listing(project_of(request))
        return conditional(request, body, etag)


class ModelDetailView(AsyncAPIView):
    """One model or alias. Ids may hold slashes and colons."""

    required_scope = "model.read"

    @documented.model
    async def get(self, request: HttpRequest, model_id: str) -> HttpResponse:
        known = await catalog.current()
        if known.find(model_id, project_of(request)) is None:
            raise ModelNotFound(model_id)
        body = orjson.dumps(known.listed[model_id])
        return conditional(request, body, catalog.etag_of(body))


def project_of(request: HttpRequest) -> str | None:
    """The public id of the caller's project; None for an admin key."""
    caller = principal_of(request)
    return None if caller is None else caller.project_id


def conditional(request: HttpRequest, body: bytes, etag: str) -> HttpResponse:
    """The body, or 304 where the caller has it already. What is listed depends on the key, so only the caller's own
    cache may keep it (RFC 9110, 13.1.2: If-None-Match compares weakly)."""
    asked = request.headers.get("If-None-Match", "")
    known = {tag.strip().removeprefix("W/") for tag in asked.split(",")}
    fresh = etag in known or asked.strip() == "*"
    headers = {"ETag": etag, "Cache-Control": "private, max-age=60", "Vary": "Authorization"}
    if fresh:
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, content_type="application/json", headers=headers)
